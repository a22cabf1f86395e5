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

/** Records read by Kafka's own consumer, for the tests' oracle, and ACLs for the tests of security. */
final class Probe {
  private final Client kafka;

  Probe(Client kafka) {
    this.kafka = kafka;
  }

  /**
   * Reads lines "topic partition offset" from a file and prints for each a line with the log's bounds and the first record from the
   * offset on: "topic partition offset logStart highWatermark recordOffset recordTimeMs". The last two are "- -" if no record can be
   * read up to the end. For an offset below the log start the record at the log start is printed.
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
        // A consumer has one position in a partition, so each round reads one offset of each partition.
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

  /** Returns the "offset timestamp" of the first record from each place to the end; a place without a record has no entry. */
  private static Map<TopicPartition, String> first(
      KafkaConsumer<byte[], byte[]> reader,
      Map<TopicPartition, Long> places,
      Map<TopicPartition, Long> ends) {
    Map<TopicPartition, String> found = new HashMap<>();
    reader.assign(places.keySet());
    places.forEach(reader::seek);
    Set<TopicPartition> open = new HashSet<>(places.keySet());
    while (true) {
      // A reader that has passed the end without a record met only control records or compacted ones.
      open.removeIf(tp -> found.containsKey(tp) || reader.position(tp) >= ends.get(tp));
      if (open.isEmpty()) return found;
      reader.assign(open);
      for (var record : reader.poll(Duration.ofMillis(500))) {
        var tp = new TopicPartition(record.topic(), record.partition());
        found.putIfAbsent(tp, record.offset() + " " + record.timestamp());
      }
    }
  }

  /** Creates an ACL for every four words "user RESOURCE_TYPE name OPERATION"; the name * stands for every resource of the type. */
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
