import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;

/**
 * The hourly recalculation as one writes it in Java 17: a parallel stream over arrays. The same customers, rules, results
 * and checksum as services/loyalty/batch.py; `java Recalculation.java FOLDER SEED COUNT ROUNDS` prints the same line.
 */
final class Recalculation {
    private static final int[] FIBONACCI = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233};
    private static final int[] KEPT = new int[256];
    private static final int[] LEAST = {0, 1_000, 5_000, 20_000};
    private static final int[] PERCENT = {100, 125, 150, 200};
    private static final int WEIGHTS = 65_521;

    static {
        for (int hours = 0; hours < KEPT.length; hours++) {
            KEPT[hours] = 1_000;
            for (int step : FIBONACCI) {
                KEPT[hours] -= hours >= step ? 15 : 0;
            }
        }
    }

    private final int[] earned;
    private final byte[] visits;
    private final byte[] idle;
    private final int[] points;
    private final byte[] tiers;
    private final short[] fraud;

    private Recalculation(Path folder, String stem, int count) throws IOException {
        earned = new int[count];
        ByteBuffer.wrap(Files.readAllBytes(folder.resolve("earned-" + stem)))
                .order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(earned);
        visits = Files.readAllBytes(folder.resolve("visits-" + stem));
        idle = Files.readAllBytes(folder.resolve("idle-" + stem));
        points = new int[count];
        tiers = new byte[count];
        fraud = new short[count];
    }

    private void recalculate(int i) {
        int visited = visits[i] & 0xff;
        int absent = idle[i] & 0xff;
        int tier = LEAST.length - 1;
        while (earned[i] < LEAST[tier]) {
            tier--;
        }
        int gained = visited * 650 * PERCENT[tier] / 10_000;
        long after = (long) earned[i] * KEPT[absent] / 1_000 + gained;
        int burst = Math.min(visited * visited * visited * 40, 6_000);
        int absence = visited > 0 ? absent * 12 : 0;
        int noise = (int) ((after * 2_654_435_761L & 0xffff_ffffL) >>> 22);
        points[i] = (int) after;
        tiers[i] = (byte) tier;
        fraud[i] = (short) Math.min(burst + absence + noise, 9_999);
    }

    private String checksum() {
        long ofPoints = 0;
        long ofTiers = 0;
        long ofFraud = 0;
        for (int i = 0; i < points.length; i++) {
            long weight = i % WEIGHTS + 1;
            ofPoints += weight * points[i];
            ofTiers += weight * tiers[i];
            ofFraud += weight * fraud[i];
        }
        return String.format("%016x-%016x-%016x", ofPoints, ofTiers, ofFraud);
    }

    public static void main(String[] given) throws IOException {
        int count = Integer.parseInt(given[2]);
        int rounds = Integer.parseInt(given[3]);
        Recalculation work = new Recalculation(Path.of(given[0]), given[1] + "-" + given[2], count);
        StringBuilder seconds = new StringBuilder();
        for (int round = 0; round < rounds; round++) {
            long started = System.nanoTime();
            IntStream.range(0, count).parallel().forEach(work::recalculate);
            seconds.append(round > 0 ? ", " : "").append((System.nanoTime() - started) / 1e9);
        }
        System.out.printf(
                "{\"customers\": %d, \"seconds\": [%s], \"checksum\": \"%s\"}%n", count, seconds, work.checksum());
    }
}
