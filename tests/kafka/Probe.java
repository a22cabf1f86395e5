import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
    try (var reader =
        kafka.consumer("isolation.level", "read_uncommitted", "max.poll.records", 500)) {
      Set<TopicPartition> all = new HashSet<>();
      for (String line : lines) all.add(partition(line));
      var starts = reader.beginningOffsets(all);
      var ends = reader.endOffsets(all);
      List<String> left = new ArrayList<>(lines);
      while (!left.isEmpty()) {
        // Each round reads one offset of each partition.
        Map<TopicPartition, String> round = new LinkedHashMap<>();
        for (String line : left) round.putIfAbsent(partition(line), line);
        left.removeAll(round.values());
        Map<TopicPartition, Long> places = new HashMap<>();
        for (var one : round.entrySet()) {
          long committed = Long.parseLong(one.getValue().split(" ")[2]);
          places.put(one.getKey(), Math.max(committed, starts.get(one.getKey())));
        }
        var found = first(reader, places, ends);
        for (var one : round.entrySet()) {
          var tp = one.getKey();
          String record = found.getOrDefault(tp, "- -");
          String bounds = starts.get(tp) + " " + ends.get(tp);
          System.out.println(one.getValue() + " " + bounds + " " + record);
        }
      }
    }
  }

  private static TopicPartition partition(String line) {
    String[] words = line.split(" ");
    return new TopicPartition(words[0], Integer.parseInt(words[1]));
  }

  /** The "offset time" of the first record from each place to the end; a place without a record has no entry. */
  private static Map<TopicPartition, String> first(
      KafkaConsumer<byte[], byte[]> reader,
      Map<TopicPartition, Long> places,
      Map<TopicPartition, Long> ends) {
    Map<TopicPartition, String> found = new HashMap<>();
    reader.assign(places.keySet());
    places.forEach(reader::seek);
    Set<TopicPartition> open = new HashSet<>(places.keySet());
    while (true) {
      // Past the end without a record: only control or compacted records.
      open.removeIf(tp -> found.containsKey(tp) || reader.position(tp) >= ends.get(tp));
      if (open.isEmpty()) return found;
      reader.assign(open);
      for (var record : reader.poll(Duration.ofMillis(500))) {
        var tp = new TopicPartition(record.topic(), record.partition());
        found.putIfAbsent(tp, record.offset() + " " + record.timestamp());
      }
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
