import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;

/** Many groups and topics, or one group on many partitions, with offsets that follow from the numbers in the names. */
final class Volumes {
  private static final List<String> CODECS = List.of("none", "lz4", "zstd", "gzip", "snappy");
  private final Client kafka;

  Volumes(Client kafka) {
    this.kafka = kafka;
  }

  /**
   * Creates topics s-tTTTT of {@code partitions} partitions with {@code records} records each, and groups s-gGGGG with commits in
   * {@code width} partitions. The i-th commit of group g is at (7g + 3i) mod (records + 1), in the partition with the number
   * (g * width + i) mod (topics * partitions), counted over all topics.
   */
  void scale(int topics, int partitions, int records, int groups, int width) throws Exception {
    List<NewTopic> all = new ArrayList<>();
    for (int t = 0; t < topics; t++) all.add(kafka.newTopic(topicName(t), partitions));
    for (int i = 0; i < all.size(); i += 20)
      kafka.create(all.subList(i, Math.min(all.size(), i + 20)));
    try (var to = kafka.producer()) {
      for (int t = 0; t < topics; t++)
        new Client.Batch(topicName(t), partitions, 0, records, 60, 0).send(to);
    }
    List<KafkaFuture<Void>> commits = new ArrayList<>();
    for (int g = 0; g < groups; g++) {
      Map<TopicPartition, OffsetAndMetadata> at = new HashMap<>();
      for (int i = 0; i < width; i++) {
        int n = (g * width + i) % (topics * partitions);
        at.put(
            new TopicPartition(topicName(n / partitions), n % partitions),
            new OffsetAndMetadata((g * 7L + i * 3L) % (records + 1)));
      }
      String name = String.format("s-g%04d", g);
      commits.add(kafka.admin.alterConsumerGroupOffsets(name, at).all());
      if (commits.size() == 50) {
        for (var commit : commits) commit.get();
        commits.clear();
      }
    }
    for (var commit : commits) commit.get();
    System.out.println("scaled");
  }

  private static String topicName(int t) {
    return String.format("s-t%04d", t);
  }

  /** Creates topics tl-* whose records are stored in many ways, and group tl-g with commits in {@code total} of their partitions. */
  void timelag(int total) throws Exception {
    int each = (total - 50) / CODECS.size();
    for (String codec : CODECS) kafka.topic("tl-" + codec, each);
    kafka.topic("tl-big", 20, "max.message.bytes", "2000000");
    kafka.topic("tl-logappend", 10, "message.timestamp.type", "LogAppendTime");
    kafka.topic("tl-ctl", 5);
    kafka.topic("tl-trunc", 5);
    kafka.compactedTopic("tl-compact", 10);
    for (String codec : CODECS)
      try (var to = kafka.producer("compression.type", codec, "linger.ms", 200)) {
        new Client.Batch("tl-" + codec, each, 0, 200, 500, 0).send(to);
      }
    oddities();
    kafka.commit("tl-g", places(each));
    System.out.println("built " + (each * CODECS.size() + 50));
  }

  private void oddities() throws Exception {
    try (var to = kafka.producer("batch.size", 16384)) {
      new Client.Batch("tl-big", 20, 0, 10, 1_000_000, 0).send(to);
      new Client.Batch("tl-logappend", 10, 50).send(to);
      new Client.Batch("tl-trunc", 5, 100).send(to);
      for (int b = 0; b < 3; b++) {
        new Client.Batch("tl-compact", 10, b * 50, 50, 200, 10).send(to);
        Thread.sleep(2500);
      }
    }
    try (var to = kafka.producer("transactional.id", "tl-ctl")) {
      to.initTransactions();
      to.beginTransaction();
      new Client.Batch("tl-ctl", 5, 5).send(to);
      to.commitTransaction();
    }
    for (int k = 0; k < 5; k++) kafka.truncate("tl-trunc", k, 60);
  }

  private static Map<TopicPartition, OffsetAndMetadata> places(int each) {
    Map<TopicPartition, OffsetAndMetadata> at = new HashMap<>();
    for (String codec : CODECS)
      for (int k = 0; k < each; k++)
        at.putAll(Client.offsets("tl-" + codec, k, (k * 37 + 11) % 199));
    for (int k = 0; k < 20; k++) at.putAll(Client.offsets("tl-big", k, k % 9));
    for (int k = 0; k < 10; k++)
      at.putAll(Client.offsets("tl-logappend", k, k * 4, "tl-compact", k, k));
    for (int k = 0; k < 5; k++) at.putAll(Client.offsets("tl-ctl", k, 5, "tl-trunc", k, 20));
    return at;
  }
}
