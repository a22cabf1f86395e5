import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Topics fx-* and groups g-*, one group for each situation that a lag exporter must get right. */
final class Situations {
  private final Client kafka;

  Situations(Client kafka) {
    this.kafka = kafka;
  }

  void build() throws Exception {
    topics();
    records();
    committed();
    left();
    kafka.admin.deleteTopics(List.of("fx-gone")).all().get();
    System.out.println("built");
  }

  private void topics() throws Exception {
    kafka.topic("fx-lag", 6);
    kafka.topic("fx-empty", 3);
    kafka.topic("fx-live", 4);
    kafka.topic("fx-live848", 4);
    kafka.topic("fx-share", 2);
    for (String one : List.of("fx-trunc", "fx-open", "fx-abort", "fx-ctl", "fx-gone"))
      kafka.topic(one, 1);
    kafka.compactedTopic("fx-compact", 1);
  }

  private void records() throws Exception {
    try (var to = kafka.producer()) {
      new Client.Batch("fx-lag", 6, 100).send(to);
      new Client.Batch("fx-live", 4, 100).send(to);
      new Client.Batch("fx-live848", 4, 100).send(to);
      new Client.Batch("fx-share", 2, 100).send(to);
      new Client.Batch("fx-trunc", 1, 100).send(to);
      for (String ten : List.of("fx-open", "fx-abort", "fx-gone"))
        new Client.Batch(ten, 1, 10).send(to);
      // The first record after segment.ms begins a new segment. The cleaner works on earlier segments only, so there must be some.
      for (int b = 0; b < 4; b++) {
        new Client.Batch("fx-compact", 1, b * 50, 50, 200, 10).send(to);
        Thread.sleep(2500);
      }
    }
    kafka.truncate("fx-trunc", 0, 60);
    try (var to = kafka.producer("transactional.id", "fx-abort")) {
      to.initTransactions();
      to.beginTransaction();
      new Client.Batch("fx-abort", 1, 10, 5, 200, 0).send(to);
      to.abortTransaction();
    }
    try (var to = kafka.producer("transactional.id", "fx-ctl")) {
      to.initTransactions();
      to.beginTransaction();
      new Client.Batch("fx-ctl", 1, 5).send(to);
      to.commitTransaction();
    }
  }

  /** Commits for groups that never had a member. */
  private void committed() throws Exception {
    for (int k = 0; k < 6; k++) {
      kafka.commit("g-lag", Client.offsets("fx-lag", k, 40 + k));
      kafka.commit("g-above", Client.offsets("fx-lag", k, k == 0 ? 150 : 100)); // Partition 0: 50 beyond the end.
    }
    kafka.commit("g-caught", Client.everywhere("fx-lag", 6, 100));
    kafka.commit("g-zero", Client.offsets("fx-empty", 0, 0, "fx-lag", 0, 0));
    kafka.commit("g-trunc", Client.offsets("fx-trunc", 0, 20)); // The log starts at 60: 40 records are lost.
    // The commits of g-tx are followed by an open transaction (once hold() runs), by aborted records, and by nothing but a commit marker.
    kafka.commit("g-tx", Client.offsets("fx-open", 0, 10, "fx-abort", 0, 10, "fx-ctl", 0, 5));
    kafka.commit("g-tx2", Client.offsets("fx-open", 0, 12)); // The offset is inside the open transaction.
    kafka.commit("g-compact", Client.offsets("fx-compact", 0, 5)); // The record at the offset is compacted away.
    kafka.commit("g-gone", Client.offsets("fx-gone", 0, 3, "fx-lag", 1, 50)); // The topic fx-gone is deleted later.
  }

  /** Creates groups that have commits and whose members have left; g-simple never had a member. */
  private void left() {
    try (var member = kafka.consumer("group.id", "g-empty")) {
      member.subscribe(List.of("fx-lag"));
      Client.pollOnce(member);
      member.commitSync(Client.everywhere("fx-lag", 6, 70));
    }
    try (var member = kafka.consumer("group.id", "g-empty848", "group.protocol", "consumer")) {
      member.subscribe(List.of("fx-lag"));
      Client.pollOnce(member);
      member.commitSync(Client.everywhere("fx-lag", 6, 80));
    }
    try (var alone = kafka.consumer("group.id", "g-simple")) { // With assign() a group has commits but no member.
      alone.assign(List.of(new TopicPartition("fx-lag", 2)));
      alone.commitSync(Client.offsets("fx-lag", 2, 33));
    }
  }

  /** Keeps members (three classic, one of them static, two KIP-848, one share) and a transaction open, until the process is killed. */
  void hold() throws Exception {
    var to = kafka.producer("transactional.id", "fx-open", "transaction.timeout.ms", 900_000);
    to.initTransactions();
    to.beginTransaction();
    new Client.Batch("fx-open", 1, 10, 5, 200, 0).send(to);
    member("g-live", "fx-live", "client.id", "cl-0");
    member("g-live", "fx-live", "client.id", "cl-1");
    member("g-live", "fx-live", "client.id", "cl-2", "group.instance.id", "static-2");
    member("g-live848", "fx-live848", "client.id", "cl-3", "group.protocol", "consumer");
    member("g-live848", "fx-live848", "client.id", "cl-4", "group.protocol", "consumer");
    new Thread(this::share).start();
    System.out.println("holding");
    Thread.sleep(Long.MAX_VALUE);
  }

  private void member(String group, String topic, Object... pairs) {
    new Thread(() -> {
          while (true) { // A member that was fenced joins again.
            try (var member = kafka.consumer(pairs(group, pairs))) {
              member.subscribe(List.of(topic));
              while (true) keepPlace(member);
            } catch (Throwable e) {
              System.out.println(group + ": " + e);
            }
          }
        }).start();
  }

  private static Object[] pairs(String group, Object... rest) {
    Object[] all = new Object[rest.length + 2];
    all[0] = "group.id";
    all[1] = group;
    System.arraycopy(rest, 0, all, 2, rest.length);
    return all;
  }

  /** Polls with all partitions paused, so that nothing is read, and commits the offset 30 + partition in each. */
  private static void keepPlace(KafkaConsumer<byte[], byte[]> member) throws InterruptedException {
    member.poll(Duration.ofMillis(200));
    var assigned = member.assignment();
    if (assigned.isEmpty()) return;
    member.pause(assigned);
    var offsets = new HashMap<TopicPartition, OffsetAndMetadata>();
    for (var tp : assigned) offsets.put(tp, new OffsetAndMetadata(30 + tp.partition()));
    try {
      member.commitSync(offsets);
    } catch (Exception rebalancing) {
      return; // The next round commits.
    }
    Thread.sleep(1000);
  }

  private void share() {
    var bytes = new ByteArrayDeserializer();
    var all = kafka.properties("group.id", "g-share", "client.id", "sh-0");
    try (var member = new KafkaShareConsumer<>(all, bytes, bytes)) {
      member.subscribe(List.of("fx-share"));
      while (true) member.poll(Duration.ofMillis(500));
    } catch (Throwable e) {
      System.out.println("g-share: " + e);
    }
  }
}
