import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** The topics of the soak's load: they are written, purged, made larger, deleted and made anew. */
final class SoakTopics {
  /** The most partitions that a topic gets. */
  static final int MOST = 32;

  private final Client kafka;
  private final KafkaProducer<byte[], byte[]> producer;
  private final Random random = new Random(1);

  /** A round of writes holds this lock, so that whoever deletes a topic can wait until nobody writes to it. */
  private final ReentrantLock round = new ReentrantLock(true);

  /** The topics that are written, by name. */
  private final Map<String, Topic> written = new ConcurrentSkipListMap<>();

  SoakTopics(Client kafka) {
    this.kafka = kafka;
    producer = producer();
  }

  private KafkaProducer<byte[], byte[]> producer() {
    return kafka.producer("acks", "all", "enable.idempotence", true, "linger.ms", 5);
  }

  /** A topic from its creation to its deletion; one that is made anew is another. */
  static final class Topic {
    final String name;
    final int incarnation;
    final KafkaProducer<byte[], byte[]> producer;
    volatile int partitions;

    /** The ends that were confirmed. */
    final AtomicLongArray ends = new AtomicLongArray(MOST);

    private final long[] planned = new long[MOST];
    private volatile Exception failed;

    Topic(String name, int incarnation, int partitions, KafkaProducer<byte[], byte[]> producer) {
      this.name = name;
      this.incarnation = incarnation;
      this.partitions = partitions;
      this.producer = producer;
    }

    TopicPartition tp(int partition) {
      return new TopicPartition(name, partition);
    }
  }

  /** Creates a topic, and insists on it: a topic with three replicas cannot be created while a broker is away. */
  Topic make(String name, int incarnation, int partitions, String... config) throws Exception {
    Journal.say("topic+", name, incarnation, partitions);
    Journal.insist(
        "create " + name,
        () -> {
          try {
            kafka.admin.createTopics(List.of(kafka.newTopic(name, partitions, config))).all().get();
          } catch (ExecutionException e) {
            if (!(e.getCause() instanceof TopicExistsException)) throw e;
          }
          var topic = kafka.admin.describeTopics(List.of(name)).allTopicNames().get().get(name);
          if (topic.partitions().size() != partitions)
            throw new IllegalStateException("the topic before it is still there");
          for (var end : ends(name, partitions, OffsetSpec.latest()).values())
            if (end.offset() != 0) throw new IllegalStateException("the records before are still there");
        });
    Journal.say("topic=", name, incarnation, partitions);
    return new Topic(name, incarnation, partitions, incarnation == 0 ? producer : producer());
  }

  void write(Topic topic) {
    written.put(topic.name, topic);
  }

  /** Writes so many records into each partition of a topic. */
  void fill(Topic topic, int records) throws InterruptedException {
    round.lock();
    try {
      send(List.of(topic), () -> records);
    } finally {
      round.unlock();
    }
  }

  /** Writes to all topics, over and over. */
  void write() throws InterruptedException {
    for (long due = Journal.now(); ; due = Math.max(due + 1000, Journal.now())) {
      round.lock();
      try {
        send(written.values(), () -> random.nextInt(4) == 0 ? 0 : random.nextInt(25));
      } finally {
        round.unlock();
      }
      Thread.sleep(Math.max(1, due + 1000 - Journal.now()));
    }
  }

  private void send(Collection<Topic> topics, Count count) throws InterruptedException {
    Map<Topic, Long> times = new HashMap<>();
    for (var topic : topics) {
      int n = topic.partitions;
      var attempt = new StringBuilder();
      for (int k = 0; k < n; k++) {
        topic.planned[k] = topic.ends.get(k) + count.next();
        attempt.append(' ').append(k).append(':').append(topic.planned[k]);
      }
      Journal.say("w", topic.name, topic.incarnation + attempt.toString());
      long now = Journal.now();
      times.put(topic, now);
      topic.failed = null;
      for (int k = 0; k < n; k++)
        for (long i = topic.ends.get(k); i < topic.planned[k]; i++)
          topic.producer.send(
              new ProducerRecord<>(topic.name, k, now, null, new byte[40]),
              (at, error) -> {
                if (error != null) topic.failed = error;
              });
    }
    for (var topic : times.keySet()) topic.producer.flush();
    for (var topic : times.keySet()) confirm(topic, times.get(topic));
  }

  private void confirm(Topic topic, long at) throws InterruptedException {
    int n = topic.partitions;
    if (topic.failed != null) {
      Journal.failed("write " + topic.name, topic.failed);
      Journal.insist(
          "ends of " + topic.name,
          () -> ends(topic.name, n, OffsetSpec.latest())
                  .forEach((tp, end) -> topic.planned[tp.partition()] = end.offset()));
    }
    var done = new StringBuilder();
    for (int k = 0; k < n; k++) {
      long from = topic.ends.get(k);
      if (topic.planned[k] == from) continue;
      done.append(' ').append(k).append(':').append(from).append(':').append(topic.planned[k]);
      topic.ends.set(k, topic.planned[k]);
    }
    Journal.say("W", topic.name, topic.incarnation, at + done.toString());
  }

  private Map<TopicPartition, ListOffsetsResultInfo> ends(String name, int n, OffsetSpec which)
      throws Exception {
    Map<TopicPartition, OffsetSpec> all = new HashMap<>();
    for (int k = 0; k < n; k++) all.put(new TopicPartition(name, k), which);
    return kafka.admin.listOffsets(all).all().get();
  }

  /** Deletes records that were written, so that log starts move, in some partition every second. */
  void purge(List<Topic> topics) throws InterruptedException {
    Map<TopicPartition, Long> starts = new HashMap<>();
    while (true) {
      var topic = topics.get(random.nextInt(topics.size()));
      var tp = topic.tp(random.nextInt(topic.partitions));
      long start = starts.getOrDefault(tp, 0L);
      long to = start + (topic.ends.get(tp.partition()) - start) * random.nextInt(90) / 100;
      var at = topic.incarnation + " " + tp.partition() + ":" + to;
      Journal.say("p", topic.name, at);
      Journal.insist(
          "purge " + tp,
          () -> kafka.admin.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(to))).all().get());
      Journal.say("P", topic.name, at);
      starts.put(tp, to);
      Thread.sleep(1000);
    }
  }

  /** Reads the log starts of topics from which the brokers delete by age. */
  void watch(List<Topic> topics) throws InterruptedException {
    while (true) {
      for (var topic : topics) {
        try {
          long before = Journal.now();
          var text = new StringBuilder();
          ends(topic.name, topic.partitions, OffsetSpec.earliest())
              .forEach((tp, at) -> text.append(" " + tp.partition() + ":" + at.offset()));
          Journal.say("s", topic.name, topic.incarnation, before + text.toString());
        } catch (ExecutionException e) {
          Journal.failed("log starts", e);
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
      }
      Thread.sleep(2000);
    }
  }

  /** Adds a partition to each of these topics after so many seconds, until they have as many as a topic may have. */
  void grow(List<Topic> topics, int seconds) throws InterruptedException {
    while (true) {
      Thread.sleep(seconds * 1000L);
      for (var topic : topics) {
        int n = topic.partitions + 1;
        if (n > MOST) continue;
        Journal.say("n", topic.name, topic.incarnation, n);
        Journal.insist(
            "grow " + topic.name,
            () -> {
              var all = kafka.admin.describeTopics(List.of(topic.name)).allTopicNames().get();
              if (all.get(topic.name).partitions().size() < n)
                kafka.admin.createPartitions(Map.of(topic.name, NewPartitions.increaseTo(n))).all().get();
              ends(topic.name, n, OffsetSpec.latest());
            });
        Journal.say("N", topic.name, topic.incarnation, n);
        topic.partitions = n;
      }
    }
  }

  /** Ends the writes to a topic, and deletes it. */
  void delete(Topic topic) throws InterruptedException {
    written.remove(topic.name);
    round.lock();
    round.unlock();
    topic.producer.close();
    Journal.say("topic-", topic.name, topic.incarnation);
    Journal.insist(
        "delete " + topic.name,
        () -> {
          try {
            kafka.admin.deleteTopics(List.of(topic.name)).all().get();
          } catch (ExecutionException e) {
            if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) throw e;
          }
        });
    Journal.say("topic~", topic.name, topic.incarnation);
  }

  /** The number of records that a partition gets. */
  private interface Count {
    int next();
  }
}
