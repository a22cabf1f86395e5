import java.util.Arrays;
import java.util.stream.Stream;

/** Puts a real Kafka into a known state, or prints facts about it: java Fixture COMMAND BOOTSTRAP [ARGUMENT...]. */
final class Fixture {
  private Fixture() {}

  public static void main(String[] args) throws Exception {
    try (var kafka = new Client(args[1])) {
      int[] n =
          Stream.of(args).skip(2).filter(a -> a.matches("\\d+")).mapToInt(Integer::parseInt).toArray();
      switch (args[0]) {
        case "build" -> new Situations(kafka).build();
        case "hold" -> new Situations(kafka).hold();
        case "scale" -> new Volumes(kafka).scale(n[0], n[1], n[2], n[3], n[4]);
        case "timelag" -> new Volumes(kafka).timelag(n[0]);
        case "ages" -> new Ages(kafka).build();
        case "anew" -> new Ages(kafka).anew();
        case "purge" -> new Ages(kafka).purge(n[0]);
        case "topic" -> new Groups(kafka).topic(args[2], n[0], n[1]);
        case "commit" -> kafka.commit(args[2], Client.offsets(args[3], n[0], n[1]));
        case "stay" -> new Groups(kafka).stay(Arrays.asList(args).subList(2, args.length));
        case "soak" -> new Soak(kafka).run(n[0]);
        case "records" -> new Probe(kafka).records(args[2]);
        case "allow" -> new Probe(kafka).allow(Arrays.asList(args).subList(2, args.length));
        default -> throw new IllegalArgumentException("no such command: " + args[0]);
      }
    } catch (Exception | Error e) {
      // A thread of Kafka that an exception ends fails its requests first and logs the exception afterwards. The process ends with
      // this thread and would cut that line off, which alone says why.
      Thread.sleep(100);
      throw e;
    }
  }
}
