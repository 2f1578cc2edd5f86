import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs the mains of Kafka's own tools one after the other in one JVM, for each JVM of their own
 * costs seconds. Each line of stdin names a class, its arguments (NUL between them) and its stdin,
 * the latter two in base64; the answer has its exit code, its stdout and its stderr.
 */
public final class Tools {
  /** What a tool's exit becomes. */
  private static final class Exited extends Error {
    Exited() {
      super("exited", null, false, false);
    }
  }

  /** Tools keep the streams that they found first: these stay, and what is behind them changes. */
  private static final class Switch extends OutputStream {
    private ByteArrayOutputStream target = new ByteArrayOutputStream();

    @Override
    public synchronized void write(int b) {
      target.write(b);
    }

    @Override
    public synchronized void write(byte[] bytes, int from, int count) {
      target.write(bytes, from, count);
    }

    synchronized String take() {
      byte[] taken = target.toByteArray();
      target = new ByteArrayOutputStream();
      return Base64.getEncoder().encodeToString(taken);
    }
  }

  private static Integer exitCode;

  public static void main(String[] args) throws Exception {
    BufferedReader commands =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream answers = System.out;
    Switch output = new Switch();
    Switch errors = new Switch();
    System.setOut(new PrintStream(output, true));
    System.setErr(new PrintStream(errors, true));
    Exit.setExitProcedure(Tools::exit);
    Exit.setHaltProcedure(Tools::exit);
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] words = line.split("\t", -1);
      run(words[1].substring("class=".length()), decode(words[2]), decode(words[3]));
      answers.println("+\t" + exitCode + "\t" + output.take() + "\t" + errors.take());
      answers.println("ok");
      answers.flush();
    }
  }

  private static void exit(int code, String message) {
    synchronized (Tools.class) {
      // A tool that catches what ends it exits again, with another code.
      if (exitCode == null) {
        exitCode = code;
      }
    }
    throw new Exited();
  }

  /** The value of a word "name=value". */
  private static byte[] decode(String word) {
    return Base64.getDecoder().decode(word.substring(word.indexOf('=') + 1));
  }

  private static void run(String tool, byte[] arguments, byte[] input) throws Exception {
    exitCode = null;
    System.setIn(new ByteArrayInputStream(input));
    String[] words = new String(arguments, StandardCharsets.UTF_8).split("\0");
    try {
      Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) words);
    } catch (InvocationTargetException e) {
      if (!(e.getCause() instanceof Exited)) {
        e.getCause().printStackTrace();
        exitCode = exitCode == null ? 1 : exitCode;
      }
    }
    System.out.flush();
    System.err.flush();
    if (exitCode == null) {
      exitCode = 0;
    }
  }
}
