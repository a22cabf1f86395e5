import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;

/**
 * The load of a soak, which runs until the process is killed: topics k-*, and groups of the same names as the threads that move
 * them. Everything is written to the {@link Journal}.
 */
final class Soak {
  private static final String[] NO_RETENTION = {};
  private final Client kafka;
  private final SoakTopics topics;
  private final SoakGroups groups;

  /** The topics that exist throughout, by name. */
  private final Map<String, SoakTopics.Topic> lasting = new HashMap<>();

  Soak(Client kafka) {
    this.kafka = kafka;
    topics = new SoakTopics(kafka);
    groups = new SoakGroups(kafka);
  }

  /** Starts everything, prints "soaking", and never returns. Topics grow after so many seconds each time. */
  void run(int growSeconds) throws Exception {
    var quiet = make("k-quiet", 4, 4);
    for (var topic : quiet) topics.fill(topic, 100);
    var steady = make("k-steady", 8, 6);
    var purged = make("k-purged", 2, 4);
    var aged =
        make("k-aged", 2, 3, "retention.ms", "30000", "segment.ms", "10000", "file.delete.delay.ms", "1000");
    var growing = make("k-growing", 2, 2);
    var written = new ArrayList<>(steady);
    for (var more : List.of(purged, aged, growing)) written.addAll(more);
    written.forEach(topics::write);
    Journal.thread("write", topics::write);
    Journal.thread("purge", () -> topics.purge(purged));
    Journal.thread("watch", () -> topics.watch(aged));
    Journal.thread("grow", () -> topics.grow(growing, growSeconds));
    stillGroups(quiet);
    movingGroups(steady, purged, aged, growing);
    liveGroups(steady);
    for (int i = 0; i < 8; i++) {
      var group = "comes-" + i;
      var partitions = SoakGroups.some(steady, 4, i);
      Journal.thread(group, () -> groups.comeAndGo(group, partitions, lasting));
    }
    Journal.thread("expire", () -> groups.expire(SoakGroups.some(steady, 2, 0), lasting));
    for (int i = 0; i < 6; i++) {
      int n = i;
      Journal.thread("anew-" + i, () -> anew(n, quiet.get(0)));
    }
    Journal.thread("replicas", this::replicas);
    System.out.println("soaking");
    Thread.sleep(Long.MAX_VALUE);
  }

  private List<SoakTopics.Topic> make(String name, int n, int partitions, String... config)
      throws Exception {
    List<SoakTopics.Topic> all = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      var topic = topics.make(name + "-" + i, 0, partitions, config);
      lasting.put(topic.name, topic);
      all.add(topic);
    }
    return all;
  }

  private void stillGroups(List<SoakTopics.Topic> quiet) {
    Map<String, Map<TopicPartition, OffsetAndMetadata>> all = new HashMap<>();
    for (int i = 0; i < 10; i++) {
      Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
      for (var tp : SoakGroups.some(quiet, 6, i))
        offsets.put(tp, new OffsetAndMetadata((i * 17 + tp.partition() * 5) % 101));
      all.put("still-" + i, offsets);
    }
    Journal.thread("keep", () -> groups.keep(all));
  }

  @SafeVarargs
  private void movingGroups(List<SoakTopics.Topic>... topics) {
    Map<String, List<TopicPartition>> all = new HashMap<>();
    for (int i = 0; i < 14; i++)
      all.put("moves-" + i, SoakGroups.some(topics[i < 8 ? 0 : 1 + i % 3], 6, i));
    Journal.thread("move", () -> groups.move(all, lasting));
  }

  private void liveGroups(List<SoakTopics.Topic> steady) {
    for (int i = 0; i < 10; i++) {
      var group = "lives-" + i;
      var protocol = i % 2 == 0 ? "classic" : "consumer";
      var names = List.of(steady.get(i % 8).name, steady.get((i + 3) % 8).name);
      for (int k = 0; k < 2; k++) {
        var stay = k == 0 ? SoakGroups.Stay.FOR_GOOD : SoakGroups.Stay.FOR_A_WHILE;
        Journal.thread(group + "/" + k, () -> groups.member(group, protocol, names, stay));
      }
    }
  }

  /** Makes a topic, lets a group commit on it, and deletes it, over and over. The group keeps a commit on another topic. */
  private void anew(int n, SoakTopics.Topic anchor) throws Exception {
    var random = new Random(n);
    var group = "reads-anew-" + n;
    for (int incarnation = 1; ; incarnation++) {
      var topic = topics.make("k-anew-" + n, incarnation, 3, NO_RETENTION);
      topics.write(topic);
      // The coordinator deletes the commits on the topic before it some time after the topic is gone.
      Thread.sleep(6000);
      for (long until = Journal.now() + 60_000 + random.nextInt(60_000); Journal.now() < until; ) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        offsets.put(anchor.tp(0), new OffsetAndMetadata(n));
        for (int k = 0; k < 3; k++)
          offsets.put(topic.tp(k), new OffsetAndMetadata(topic.ends.get(k) * (k + 1) / 4));
        groups.commit(group, offsets).get();
        Thread.sleep(1000);
      }
      topics.delete(topic);
      Thread.sleep(3000 + random.nextInt(10_000));
    }
  }

  /** Tells whether all replicas are in sync, and gives leadership back to the preferred brokers when they are again. */
  private void replicas() throws InterruptedException {
    boolean whole = false;
    for (; ; Thread.sleep(1000)) {
      long before = Journal.now();
      try {
        List<String> names = new ArrayList<>(lasting.keySet());
        names.add("__consumer_offsets");
        boolean inSync = true;
        boolean preferred = true;
        for (var topic : kafka.admin.describeTopics(names).allTopicNames().get().values())
          for (var one : topic.partitions()) {
            inSync &= one.isr().size() == one.replicas().size();
            preferred &= one.leader() != null && one.leader().id() == one.replicas().get(0).id();
          }
        if (inSync && !preferred) kafka.admin.electLeaders(ElectionType.PREFERRED, null).partitions().get();
        whole = inSync && preferred;
      } catch (java.util.concurrent.ExecutionException e) {
        Journal.failed("replicas", e);
        whole = false;
      }
      Journal.say("r", before, whole ? "whole" : "lame");
    }
  }
}
