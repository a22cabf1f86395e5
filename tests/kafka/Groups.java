import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Topics filled with records, and live groups of one member each, which commits given offsets once and then stays a member. */
final class Groups {
  private final Client kafka;

  Groups(Client kafka) {
    this.kafka = kafka;
  }

  /** Creates a topic with this number of partitions, and this number of records in each of them. */
  void topic(String name, int partitions, int records) throws Exception {
    kafka.topic(name, partitions);
    try (var to = kafka.producer()) {
      new Client.Batch(name, partitions, records).send(to);
    }
    System.out.println("filled " + name);
  }

  /**
   * Starts a group for every four words "group protocol topic,... topic/partition@offset,...", of which the last may be "-". Prints
   * "holding" when every member is assigned partitions of all its topics and has committed, and never returns.
   */
  void stay(List<String> words) throws Exception {
    var settled = new CountDownLatch(words.size() / 4);
    for (int i = 0; i + 3 < words.size(); i += 4) {
      var group = words.subList(i, i + 4);
      new Thread(() -> member(group, settled)).start();
    }
    settled.await();
    System.out.println("holding");
    Thread.sleep(Long.MAX_VALUE);
  }

  private void member(List<String> group, CountDownLatch settled) {
    try (var member =
        kafka.consumer("group.id", group.get(0), "client.id", "cl", "group.protocol", group.get(1))) {
      var topics = List.of(group.get(2).split(","));
      member.subscribe(topics);
      Set<String> assigned = new HashSet<>();
      while (assigned.size() < topics.size()) {
        member.poll(Duration.ofMillis(200));
        for (var tp : member.assignment()) assigned.add(tp.topic());
      }
      member.pause(member.assignment());
      Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
      for (String one : group.get(3).split(",")) {
        if (one.equals("-")) continue;
        String[] parts = one.split("[/@]");
        var tp = new TopicPartition(parts[0], Integer.parseInt(parts[1]));
        offsets.put(tp, new OffsetAndMetadata(Long.parseLong(parts[2])));
      }
      if (!offsets.isEmpty()) member.commitSync(offsets);
      settled.countDown();
      while (true) member.poll(Duration.ofMillis(500));
    } catch (Throwable e) {
      System.out.println(group + ": " + e);
    }
  }
}
