import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** Facts for the oracle, read by Kafka's own client, and rights for the security tests. */
final class Probe {
  private final Client kafka;

  Probe(Client kafka) {
    this.kafka = kafka;
  }

  /**
   * Reads lines "topic partition offset" from a file and answers each with the log's bounds and the first record
   * there: "topic partition offset logStart highWatermark recordOffset recordTimeMs", the last two
   * "- -" if nothing can be read from there to the end. Below the log start: the record at log start.
   */
  void records(String file) throws Exception {
    var lines = Files.readAllLines(Path.of(file));
    try (var reader = kafka.consumer("isolation.level", "read_uncommitted", "max.poll.records", 1)) {
      List<TopicPartition> all = new ArrayList<>();
      for (String line : lines) all.add(partition(line));
      var starts = reader.beginningOffsets(all);
      var ends = reader.endOffsets(all);
      for (String line : lines) {
        var tp = partition(line);
        long at = Math.max(Long.parseLong(line.split(" ")[2]), starts.get(tp));
        String found = at < ends.get(tp) ? first(reader, tp, at, ends.get(tp)) : "- -";
        System.out.println(line + " " + starts.get(tp) + " " + ends.get(tp) + " " + found);
      }
    }
  }

  private static TopicPartition partition(String line) {
    String[] words = line.split(" ");
    return new TopicPartition(words[0], Integer.parseInt(words[1]));
  }

  private static String first(
      KafkaConsumer<byte[], byte[]> reader, TopicPartition tp, long at, long end) {
    reader.assign(List.of(tp));
    reader.seek(tp, at);
    while (true) {
      for (var record : reader.poll(Duration.ofMillis(500)))
        return record.offset() + " " + record.timestamp();
      if (reader.position(tp) >= end) return "- -"; // only control or compacted records
    }
  }

  /** Allows "principal RESOURCE name OPERATION", four arguments at a time; the name * is any. */
  void allow(List<String> words) throws Exception {
    List<AclBinding> all = new ArrayList<>();
    for (int i = 0; i + 3 < words.size(); i += 4) {
      var type = ResourceType.valueOf(words.get(i + 1));
      var what = new ResourcePattern(type, words.get(i + 2), PatternType.LITERAL);
      var operation = AclOperation.valueOf(words.get(i + 3));
      var who = "User:" + words.get(i);
      var entry = new AccessControlEntry(who, "*", operation, AclPermissionType.ALLOW);
      all.add(new AclBinding(what, entry));
    }
    kafka.admin.createAcls(all).all().get();
    System.out.println("allowed " + all.size());
  }
}
