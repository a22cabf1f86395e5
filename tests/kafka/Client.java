import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** A connection to Kafka with the requests that every fixture needs: topics, records of known times, commits at chosen offsets. */
final class Client implements AutoCloseable {
  /** The timestamp of the record at offset 0 (ms since 1970); the record at offset n is n seconds younger. */
  static final long BASE_MS = 1_700_000_000_000L;

  final Admin admin;
  private final String bootstrap;
  private final short replicas;

  Client(String bootstrap) throws Exception {
    this.bootstrap = bootstrap;
    admin = Admin.create(properties());
    replicas = (short) Math.min(3, admin.describeCluster().nodes().get().size());
  }

  Properties properties(Object... pairs) {
    Properties all = new Properties();
    all.put("bootstrap.servers", bootstrap);
    for (int i = 0; i < pairs.length; i += 2) all.put(pairs[i], String.valueOf(pairs[i + 1]));
    return all;
  }

  KafkaProducer<byte[], byte[]> producer(Object... pairs) {
    Properties all =
        properties(
            "linger.ms", 50, "max.request.size", 2_000_000, "buffer.memory", 67_108_864,
            "max.in.flight.requests.per.connection", 1);
    all.putAll(properties(pairs));
    return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
  }

  KafkaConsumer<byte[], byte[]> consumer(Object... pairs) {
    Properties all =
        properties(
            "enable.auto.commit", false, "auto.offset.reset", "earliest", "max.poll.records", 10);
    all.putAll(properties(pairs));
    return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  NewTopic newTopic(String name, int partitions, String... config) {
    Map<String, String> values = new HashMap<>();
    for (int i = 0; i < config.length; i += 2) values.put(config[i], config[i + 1]);
    return new NewTopic(name, partitions, replicas).configs(values);
  }

  void topic(String name, int partitions, String... config) throws Exception {
    create(List.of(newTopic(name, partitions, config)));
  }

  /**
   * Creates topics and waits until every partition answers a request for its end. A producer that meets a partition whose leader is
   * not yet ready loses the order of its batches and retries until it gives up, minutes later.
   */
  void create(List<NewTopic> topics) throws Exception {
    admin.createTopics(topics).all().get();
    Map<TopicPartition, OffsetSpec> all = new HashMap<>();
    for (var topic : topics)
      for (int k = 0; k < topic.numPartitions(); k++)
        all.put(new TopicPartition(topic.name(), k), OffsetSpec.latest());
    for (long until = System.nanoTime() + 30_000_000_000L; ; Thread.sleep(100)) {
      try {
        admin.listOffsets(all).all().get();
        return;
      } catch (ExecutionException e) { // The admin client itself retries after other errors that pass.
        boolean early = e.getCause() instanceof UnknownTopicOrPartitionException;
        if (!early || System.nanoTime() > until) throw e;
      }
    }
  }

  /** Creates a compacted topic, of which the cleaner soon leaves only the last record of each key. */
  void compactedTopic(String name, int partitions) throws Exception {
    topic(
        name, partitions, "cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.001",
        "segment.ms", "2000", "min.compaction.lag.ms", "0", "max.compaction.lag.ms", "2000");
  }

  void truncate(String topic, int partition, long before) throws Exception {
    var tp = new TopicPartition(topic, partition);
    admin.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(before))).all().get();
  }

  static Map<TopicPartition, OffsetAndMetadata> offsets(Object... triples) {
    Map<TopicPartition, OffsetAndMetadata> all = new HashMap<>();
    for (int i = 0; i < triples.length; i += 3)
      all.put(
          new TopicPartition((String) triples[i], (Integer) triples[i + 1]),
          new OffsetAndMetadata(((Number) triples[i + 2]).longValue()));
    return all;
  }

  static Map<TopicPartition, OffsetAndMetadata> everywhere(String topic, int partitions, long at) {
    Map<TopicPartition, OffsetAndMetadata> all = new HashMap<>();
    for (int k = 0; k < partitions; k++)
      all.put(new TopicPartition(topic, k), new OffsetAndMetadata(at));
    return all;
  }

  void commit(String group, Map<TopicPartition, OffsetAndMetadata> offsets) throws Exception {
    admin.alterConsumerGroupOffsets(group, offsets).all().get();
  }

  /** Polls until a record has come, for 12 s at most, so that the group has had a member with an assignment. */
  static void pollOnce(KafkaConsumer<byte[], byte[]> consumer) {
    for (int i = 0; i < 40 && consumer.poll(Duration.ofMillis(300)).isEmpty(); i++) {}
  }

  @Override
  public void close() {
    admin.close();
  }

  /** Records for every partition of a topic at offsets from {@code from} on; the timestamp of a record follows from its offset. */
  record Batch(String topic, int partitions, int from, int count, int size, int keys) {
    Batch(String topic, int partitions, int count) {
      this(topic, partitions, 0, count, 200, 0);
    }

    /** Sends all records and waits until they are written; a record that could not be written is an error. */
    void send(KafkaProducer<byte[], byte[]> to) throws Exception {
      AtomicReference<Exception> lost = new AtomicReference<>();
      Random random = new Random(topic.hashCode());
      for (int i = from; i < from + count; i++) {
        byte[] key = keys > 0 ? ("k" + i % keys).getBytes() : null;
        for (int k = 0; k < partitions; k++) {
          // Random values of sixteen letters can be compressed to half their size, but no further.
          byte[] value = new byte[size];
          for (int j = 0; j < size; j++) value[j] = (byte) ('a' + random.nextInt(16));
          var record = new ProducerRecord<>(topic, k, BASE_MS + i * 1000L, key, value);
          to.send(record, (at, error) -> lost.compareAndSet(null, error));
        }
      }
      to.flush();
      if (lost.get() != null) throw lost.get();
    }
  }
}
