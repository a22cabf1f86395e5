import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * The journal of the soak's load on standard output: what is about to be done is printed before it is begun, and what was done
 * after it was confirmed, each with the time (ms since 1970). So at every moment the truth lies between what was confirmed before
 * it and what was attempted before it. Lines begin with "J", as the Java client's log goes to the same output.
 */
final class Journal {
  private Journal() {}

  static long now() {
    return System.currentTimeMillis();
  }

  static void say(String kind, Object... words) {
    var line = new StringBuilder("J ").append(kind).append(' ').append(now());
    for (Object word : words) line.append(' ').append(word);
    System.out.println(line);
  }

  /** Something that the load could not do, and which it tries again. */
  static void failed(String what, Throwable error) {
    say("failed", what, String.valueOf(error).replace('\n', ' '));
  }

  static String of(Map<TopicPartition, OffsetAndMetadata> offsets) {
    var text = new StringBuilder();
    offsets.forEach(
        (tp, at) -> {
          if (text.length() > 0) text.append(' ');
          text.append(tp.topic()).append('/').append(tp.partition()).append('@').append(at.offset());
        });
    return text.toString();
  }

  /** Does something until it succeeds, with half a second between attempts. */
  static void insist(String what, Action action) throws InterruptedException {
    while (true) {
      try {
        action.run();
        return;
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        failed(what, e);
        Thread.sleep(500);
      }
    }
  }

  /** Starts a thread, whose exception ends the whole load: a soak without its load proves nothing. */
  static void thread(String name, Action action) {
    new Thread(
            () -> {
              try {
                action.run();
              } catch (Throwable e) {
                say("broken", name, e);
                e.printStackTrace(System.out);
                Runtime.getRuntime().halt(1);
              }
            },
            name)
        .start();
  }

  /** A step that may fail. */
  interface Action {
    void run() throws Exception;
  }
}
