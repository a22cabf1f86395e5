import java.util.List;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.TopicExistsException;

/** Topics ag-* with records whose age differs from what their offsets or their timestamps suggest, and groups g-* that read them. */
final class Ages {
  private static final long SECOND = 1000L;
  private static final long HOUR = 3600 * SECOND;

  /** The timestamp 9999-12-31 (ms since 1970), far in the future. */
  private static final long FAR = 253_402_214_400_000L;

  private final Client kafka;

  Ages(Client kafka) {
    this.kafka = kafka;
  }

  void build() throws Exception {
    long now = System.currentTimeMillis();
    kafka.topic("ag-anew", 1);
    kafka.topic("ag-aborted", 1);
    kafka.topic("ag-far", 1, "message.timestamp.after.max.ms", String.valueOf(Long.MAX_VALUE));
    kafka.topic("ag-purged", 1);
    try (var to = kafka.producer()) {
      send(to, "ag-anew", 10, now - 24 * HOUR);
      send(to, "ag-aborted", 10, now - 2 * HOUR);
      send(to, "ag-far", 3, FAR);
      send(to, "ag-purged", 100_000, now);
    }
    try (var to = kafka.producer("transactional.id", "ag-aborted")) {
      to.initTransactions();
      to.beginTransaction();
      send(to, "ag-aborted", 5, now - 2 * HOUR);
      to.abortTransaction();
    }
    kafka.commit("g-anew", Client.offsets("ag-anew", 0, 4));
    kafka.commit("g-aborted", Client.offsets("ag-aborted", 0, 10));
    kafka.commit("g-far", Client.offsets("ag-far", 0, 1));
    kafka.commit("g-purges", Client.offsets("ag-purged", 0, 100));
    System.out.println("built");
  }

  /** Deletes ag-anew and creates it again with the same number of records, which are 20 seconds old, and the same commit. */
  void anew() throws Exception {
    kafka.admin.deleteTopics(List.of("ag-anew")).all().get();
    for (long until = System.nanoTime() + 30_000_000_000L; ; Thread.sleep(20)) {
      try {
        kafka.topic("ag-anew", 1);
        break;
      } catch (ExecutionException e) { // TopicExistsException: the broker has not finished the deletion.
        boolean early = e.getCause() instanceof TopicExistsException;
        if (!early || System.nanoTime() > until) throw e;
      }
    }
    try (var to = kafka.producer()) {
      send(to, "ag-anew", 10, System.currentTimeMillis() - 20 * SECOND);
    }
    kafka.commit("g-anew", Client.offsets("ag-anew", 0, 4));
    System.out.println("made anew");
  }

  /** Commits and deletes the records before the commit, over and over, as Kafka Streams does with its repartition topics. */
  void purge(int seconds) throws Exception {
    int at = 100;
    for (long until = System.nanoTime() + seconds * 1_000_000_000L; System.nanoTime() < until; ) {
      at = Math.min(at + 100, 99_000);
      kafka.commit("g-purges", Client.offsets("ag-purged", 0, at));
      kafka.truncate("ag-purged", 0, at);
    }
    System.out.println("purged to " + at);
  }

  private static void send(KafkaProducer<byte[], byte[]> to, String topic, int n, long at)
      throws Exception {
    for (int i = 0; i < n; i++)
      to.send(new ProducerRecord<>(topic, 0, at, null, new byte[20]));
    to.flush();
  }
}
