import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

/**
 * Prints messages as Kafka's Java client encodes them, one line each: "api kind version hex".
 *
 * <p>Values are invented by walking a message's schema, with a seed from its name and version; the
 * bytes come from the generated message class, which reads the invented values and writes them
 * again, so that what is printed is what a client would send.
 *
 * <p>Arguments: "Produce.request" for every version that this kafka-clients knows, or
 * "Produce.request:0-2".
 *
 * <p>With the argument "recode" it reads such lines instead, decodes each message and prints, line
 * by line, its bytes as the client encodes it again; or "unknown" where it does not know the
 * version, or what is wrong.
 */
public final class GoldenBytes {
  private static final String PACKAGE = "org.apache.kafka.common.message.";

  /** What kind of values a sample has. */
  private enum Taste { EMPTY, EXTREME, MIXED }

  private static final int SAMPLES = 8;

  private final Random random;
  private final Taste taste;

  private GoldenBytes(long seed, Taste taste) {
    this.random = new Random(seed);
    this.taste = taste;
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 1 && arguments[0].equals("recode")) {
      recodeLines();
      return;
    }
    for (String argument : arguments) {
      String[] nameAndRange = argument.split(":");
      String[] apiAndKind = nameAndRange[0].split("\\.");
      Class<?> type = messageClass(apiAndKind[0], apiAndKind[1]);
      int first = type.getField("LOWEST_SUPPORTED_VERSION").getShort(null);
      int last = type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
      if (nameAndRange.length == 2) {
        String[] range = nameAndRange[1].split("-");
        first = Integer.parseInt(range[0]);
        last = Integer.parseInt(range[1]);
      }
      for (int version = first; version <= last; ++version) {
        print(apiAndKind[0], apiAndKind[1], type, (short) version);
      }
    }
  }

  private static Class<?> messageClass(String api, String kind) throws Exception {
    String capital = kind.substring(0, 1).toUpperCase() + kind.substring(1);
    String name = api.equals("Header") ? capital + "Header" : api + capital;
    return Class.forName(PACKAGE + name + "Data");
  }

  private static void print(String api, String kind, Class<?> type, short version)
      throws Exception {
    Schema schema = ((Schema[]) type.getField("SCHEMAS").get(null))[version];
    for (int sample = 0; sample < SAMPLES; ++sample) {
      Taste taste = sample == 0 ? Taste.EMPTY : sample == 1 ? Taste.EXTREME : Taste.MIXED;
      long seed = (api + kind + version + "." + sample).hashCode();
      Struct struct = new GoldenBytes(seed, taste).struct(schema);
      ByteBuffer invented = ByteBuffer.allocate(schema.sizeOf(struct));
      schema.write(invented, struct);
      invented.flip();
      String hex = recode(type, version, invented);
      System.out.println(api + " " + kind + " " + version + " " + hex);
    }
  }

  /** Reads a message, as far as it goes, and writes it. */
  private static String recode(Class<?> type, short version, ByteBuffer bytes) throws Exception {
    ApiMessage message = (ApiMessage) type.getDeclaredConstructor().newInstance();
    message.read(new ByteBufferAccessor(bytes), version);
    ObjectSerializationCache cache = new ObjectSerializationCache();
    ByteBuffer written = ByteBuffer.allocate(message.size(cache, version));
    message.write(new ByteBufferAccessor(written), cache, version);
    return HexFormat.of().formatHex(written.array(), 0, written.position());
  }

  private static void recodeLines() throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(recodeLine(line.split(" ", -1)));
    }
    out.flush();
  }

  private static String recodeLine(String[] words) {
    try {
      Class<?> type = messageClass(words[0], words[1]);
      short version = Short.parseShort(words[2]);
      if (version < type.getField("LOWEST_SUPPORTED_VERSION").getShort(null)
          || version > type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null)) {
        return "unknown";
      }
      ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(words[3]));
      String hex = recode(type, version, bytes);
      return bytes.hasRemaining() ? bytes.remaining() + " bytes are left" : hex;
    } catch (Exception e) {
      return "refused: " + e;
    }
  }

  private Struct struct(Schema schema) throws Exception {
    Struct struct = new Struct(schema);
    for (BoundField field : schema.fields()) {
      struct.set(field, value(field.def.type));
    }
    return struct;
  }

  private Object value(Type type) throws Exception {
    if (type instanceof TaggedFields) return tags((TaggedFields) type);
    if (type.isNullable() && isNull()) return null;
    if (type instanceof Schema) return struct((Schema) type);
    if (type.isArray()) return array(type.arrayElementType().get());
    switch (type.toString()) {
      case "BOOLEAN":
        return taste != Taste.EMPTY && random.nextBoolean();
      case "INT8":
        return (byte) number(Byte.MIN_VALUE, Byte.MAX_VALUE);
      case "INT16":
        return (short) number(Short.MIN_VALUE, Short.MAX_VALUE);
      case "INT32":
        return (int) number(Integer.MIN_VALUE, Integer.MAX_VALUE);
      case "INT64":
        return number(Long.MIN_VALUE, Long.MAX_VALUE);
      case "UUID":
        return taste == Taste.EMPTY ? Uuid.ZERO_UUID
                                    : new Uuid(random.nextLong(), random.nextLong());
      case "STRING":
      case "COMPACT_STRING":
      case "NULLABLE_STRING":
      case "COMPACT_NULLABLE_STRING":
        return text();
      case "BYTES":
      case "COMPACT_BYTES":
        return ByteBuffer.wrap(bytes());
      case "RECORDS":
      case "COMPACT_RECORDS":
      case "NULLABLE_RECORDS":
      case "COMPACT_NULLABLE_RECORDS":
        return records();
      default:
        throw new IllegalArgumentException("no values for type " + type);
    }
  }

  private boolean isNull() {
    return taste == Taste.EMPTY || (taste != Taste.EXTREME && random.nextInt(3) == 0);
  }

  private Object[] array(Type element) throws Exception {
    int count = 0;
    if (taste == Taste.EXTREME) count = 1;
    if (taste == Taste.MIXED) count = random.nextInt(3);
    Object[] elements = new Object[count];
    for (int i = 0; i < count; ++i) elements[i] = value(element);
    return elements;
  }

  private TreeMap<Integer, Object> tags(TaggedFields type) throws Exception {
    TreeMap<Integer, Object> values = new TreeMap<>();
    // Called by name, because 3.9.2 does not have it (nor tags in what we ask of it).
    Map<?, ?> fields = (Map<?, ?>) TaggedFields.class.getMethod("fields").invoke(type);
    for (Map.Entry<?, ?> entry : fields.entrySet()) {
      if (taste == Taste.EMPTY || (taste != Taste.EXTREME && random.nextBoolean())) continue;
      values.put((Integer) entry.getKey(), value(((Field) entry.getValue()).type));
    }
    return values;
  }

  private long number(long smallest, long largest) {
    if (taste == Taste.EMPTY) return 0;
    if (taste == Taste.EXTREME) return random.nextBoolean() ? smallest : largest;
    int choice = random.nextInt(4);
    return choice == 0 ? -1 : choice == 1 ? random.nextInt(100) : random.nextLong();
  }

  private String text() {
    if (taste == Taste.EMPTY) return "";
    // The longer one needs two bytes for a compact length.
    if (taste == Taste.EXTREME && random.nextInt(8) == 0) return "x".repeat(130);
    String letters = "abcXYZ019._-\u00e4\u20ac";
    StringBuilder text = new StringBuilder();
    for (int left = random.nextInt(8); left > 0; --left) {
      text.append(letters.charAt(random.nextInt(letters.length())));
    }
    return text.toString();
  }

  private byte[] bytes() {
    byte[] bytes = new byte[taste == Taste.EMPTY ? 0 : random.nextInt(40)];
    random.nextBytes(bytes);
    return bytes;
  }

  /** A MemoryRecords, which lives in another package since 4.x. */
  private Object records() throws Exception {
    Class<?> type;
    try {
      type = Class.forName("org.apache.kafka.common.record.internal.MemoryRecords");
    } catch (ClassNotFoundException e) {
      type = Class.forName("org.apache.kafka.common.record.MemoryRecords");
    }
    return type.getMethod("readableRecords", ByteBuffer.class)
        .invoke(null, ByteBuffer.wrap(bytes()));
  }
}
