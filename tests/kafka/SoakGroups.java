import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** The groups of the soak's load: they stand still, move, rebalance, come and go, and expire. */
final class SoakGroups {
  private final Client kafka;

  SoakGroups(Client kafka) {
    this.kafka = kafka;
  }

  /** Some partitions of topics, spread by a number. */
  static List<TopicPartition> some(List<SoakTopics.Topic> topics, int n, int number) {
    List<TopicPartition> all = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      var topic = topics.get((number + i) % topics.size());
      var tp = topic.tp((number * 3 + i) % topic.partitions);
      if (!all.contains(tp)) all.add(tp);
    }
    return all;
  }

  /** Begins to commit; the commit is confirmed in the journal when it is done. */
  CompletableFuture<Void> commit(String group, Map<TopicPartition, OffsetAndMetadata> offsets) {
    Journal.say("c", group, Journal.of(offsets));
    return kafka
        .admin
        .alterConsumerGroupOffsets(group, offsets)
        .all()
        .toCompletionStage()
        .toCompletableFuture()
        .handle(
            (done, error) -> {
              if (error == null) Journal.say("C", group, Journal.of(offsets));
              else Journal.failed("commit " + group, error);
              return null;
            });
  }

  /** Moves the commits of groups without members towards the ends, every second. */
  void move(Map<String, List<TopicPartition>> groups, Map<String, SoakTopics.Topic> topics)
      throws Exception {
    var random = new Random(2);
    Map<String, Map<TopicPartition, Long>> places = new HashMap<>();
    while (true) {
      List<CompletableFuture<Void>> all = new ArrayList<>();
      for (var one : groups.entrySet()) {
        var at = places.computeIfAbsent(one.getKey(), group -> new HashMap<>());
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (var tp : one.getValue()) {
          long end = topics.get(tp.topic()).ends.get(tp.partition());
          long place = at.getOrDefault(tp, 0L);
          // Most groups keep up; some fall behind for a while.
          if (random.nextInt(3) > 0) place += (end - place) * random.nextInt(100) / 100;
          at.put(tp, place);
          offsets.put(tp, new OffsetAndMetadata(place));
        }
        all.add(commit(one.getKey(), offsets));
      }
      for (var one : all) one.get();
      Thread.sleep(1000);
    }
  }

  /** Commits the same offsets again and again, so that groups whose numbers never change do not expire. */
  void keep(Map<String, Map<TopicPartition, OffsetAndMetadata>> groups) throws Exception {
    while (true) {
      List<CompletableFuture<Void>> all = new ArrayList<>();
      groups.forEach((group, offsets) -> all.add(commit(group, offsets)));
      for (var one : all) one.get();
      Thread.sleep(30_000);
    }
  }

  /** Lets a group come, move a little, and be deleted, over and over. */
  void comeAndGo(String group, List<TopicPartition> partitions, Map<String, SoakTopics.Topic> topics)
      throws Exception {
    var random = new Random(group.hashCode());
    while (true) {
      Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
      for (long until = Journal.now() + 20_000 + random.nextInt(20_000); Journal.now() < until; ) {
        for (var tp : partitions) {
          long end = topics.get(tp.topic()).ends.get(tp.partition());
          long before = offsets.containsKey(tp) ? offsets.get(tp).offset() : 0;
          offsets.put(tp, new OffsetAndMetadata(before + (end - before) * random.nextInt(50) / 100));
        }
        commit(group, Map.copyOf(offsets)).get();
        Thread.sleep(3000);
      }
      Journal.say("g-", group);
      Journal.insist(
          "delete " + group,
          () -> {
            try {
              kafka.admin.deleteConsumerGroups(List.of(group)).all().get();
            } catch (java.util.concurrent.ExecutionException e) {
              if (!(e.getCause() instanceof org.apache.kafka.common.errors.GroupIdNotFoundException))
                throw e;
            }
          });
      Journal.say("G-", group);
      Thread.sleep(10_000 + random.nextInt(10_000));
    }
  }

  /** Lets a new group commit once every half a minute; the brokers delete it after their retention. */
  void expire(List<TopicPartition> partitions, Map<String, SoakTopics.Topic> topics) throws Exception {
    for (int n = 0; ; n++) {
      Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
      for (var tp : partitions)
        offsets.put(tp, new OffsetAndMetadata(topics.get(tp.topic()).ends.get(tp.partition()) / 2));
      var group = "expires-" + n;
      commit(group, offsets).get();
      Journal.say("e", group);
      Thread.sleep(30_000);
    }
  }

  /** Keeps a member of a group: for good, or for stretches after which it leaves, or falls silent, and joins again. */
  void member(String group, String protocol, List<String> topics, Stay stay) throws Exception {
    var random = new Random(Thread.currentThread().getName().hashCode());
    while (true) {
      long until =
          stay == Stay.FOR_GOOD ? Long.MAX_VALUE : Journal.now() + 15_000 + random.nextInt(45_000);
      Journal.say("j", group);
      try (var member =
          kafka.consumer(
              "group.id", group, "group.protocol", protocol, "max.poll.records", 500,
              "default.api.timeout.ms", 20_000)) {
        member.subscribe(topics);
        while (Journal.now() < until) {
          member.poll(Duration.ofMillis(300));
          commit(group, member);
          Thread.sleep(700 + random.nextInt(600));
        }
      } catch (KafkaException e) { // A member that was fenced joins again.
        Journal.failed("member of " + group, e);
      }
      if (stay != Stay.FOR_GOOD) Thread.sleep(3000 + random.nextInt(12_000));
    }
  }

  /**
   * Commits the member's positions. A commit that a rebalance or a broker prevents is made again in the next round; a rebalance may
   * also take a partition away while its position is asked for.
   */
  private static void commit(String group, KafkaConsumer<byte[], byte[]> member) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    try {
      for (var tp : member.assignment())
        offsets.put(tp, new OffsetAndMetadata(member.position(tp, Duration.ofSeconds(5))));
      if (offsets.isEmpty()) return;
      Journal.say("c", group, Journal.of(offsets));
      member.commitSync(offsets);
      Journal.say("C", group, Journal.of(offsets));
    } catch (KafkaException | IllegalStateException e) {
      Journal.failed("commit " + group, e);
    }
  }

  /** The time for which a member stays. */
  enum Stay {
    FOR_GOOD,
    FOR_A_WHILE
  }
}
