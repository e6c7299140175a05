using CsCheck;
using Shouldly;
using Wharf.Cli.Output;
using Xunit;

namespace Wharf.Tests.Cli.Output;

/// <summary>Sizes and durations as docker writes and reads them.</summary>
public sealed class UnitsTests
{
    [Theory]
    [InlineData(0, "0B")]
    [InlineData(999, "999B")]
    [InlineData(1000, "1kB")]
    [InlineData(4_430_000, "4.43MB")]
    [InlineData(1_986_123, "1.986MB")]
    [InlineData(123_456_789, "123.5MB")]
    [InlineData(1_500_000_000_000, "1.5TB")]
    public void Human_sizes_are_decimal_with_four_digits(double bytes, string text) => Units.HumanSize(bytes).ShouldBe(text);

    [Theory]
    [InlineData(1_986_123, "1.99MB")]
    [InlineData(77_800_000, "77.8MB")]
    public void Table_sizes_have_three_digits(double bytes, string text) => Units.TableSize(bytes).ShouldBe(text);

    [Theory]
    [InlineData(835_584, "816KiB")]
    [InlineData(25_276_000_000, "23.54GiB")]
    public void Memory_is_binary(double bytes, string text) => Units.BytesSize(bytes).ShouldBe(text);

    [Theory]
    [InlineData("100", 100)]
    [InlineData("32k", 32768)]
    [InlineData("32kB", 32768)]
    [InlineData("32 KiB", 32768)]
    [InlineData("1.5m", 1572864)]
    [InlineData("2G", 2147483648)]
    public void Sizes_are_read_in_powers_of_1024(string text, long bytes) => Units.ParseBytes(text).ShouldBe(bytes);

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("-1")]
    [InlineData("1x")]
    [InlineData("1kk")]
    public void What_is_no_size_is_refused(string text) => Should.Throw<FormatException>(() => Units.ParseBytes(text));

    [Theory]
    [InlineData("m", "invalid size: 'm'")]
    [InlineData("-5m", "invalid size: '-5m'")]
    [InlineData("5x", "invalid suffix: 'x'")]
    [InlineData("1.2.3m", "strconv.ParseFloat: parsing \"1.2.3\": invalid syntax")]
    [InlineData("5q b", "strconv.ParseFloat: parsing \"5q\": invalid syntax")]
    public void What_is_wrong_with_a_size_is_said_as_docker_says_it(string text, string message) => Should.Throw<FormatException>(() => Units.ParseBytes(text)).Message.ShouldBe(message);

    [Theory]
    [InlineData(0.5, "Less than a second")]
    [InlineData(1, "1 second")]
    [InlineData(59, "59 seconds")]
    [InlineData(60, "About a minute")]
    [InlineData(119, "About a minute")]
    [InlineData(120, "2 minutes")]
    [InlineData(3600, "About an hour")]
    [InlineData(2 * 3600, "2 hours")]
    [InlineData(48 * 3600, "2 days")]
    [InlineData(14 * 86400, "2 weeks")]
    [InlineData(60 * 86400, "2 months")]
    [InlineData(730 * 86400, "2 years")]
    public void Ages_are_rough(double seconds, string text) => Units.HumanDuration(TimeSpan.FromSeconds(seconds)).ShouldBe(text);

    [Theory]
    [InlineData("0", 0)]
    [InlineData("1s", 1_000_000_000)]
    [InlineData("1h30m", 5_400_000_000_000)]
    [InlineData("1.5s", 1_500_000_000)]
    [InlineData("300ms", 300_000_000)]
    [InlineData("-2m", -120_000_000_000)]
    [InlineData("5us", 5_000)]
    public void Durations_are_read(string text, long nanoseconds) => Units.ParseDuration(text).ShouldBe(nanoseconds);

    [Theory]
    [InlineData("x", "time: invalid duration \"x\"")]
    [InlineData("", "time: invalid duration \"\"")]
    [InlineData("5", "time: missing unit in duration \"5\"")]
    [InlineData("5y", "time: unknown unit \"y\" in duration \"5y\"")]
    public void What_is_no_duration_is_refused_in_gos_words(string text, string message) => Should.Throw<FormatException>(() => Units.ParseDuration(text)).Message.ShouldBe(message);

    [Fact]
    public void Shortest_floats_read_back_the_same()
        => Gen.Double[-1e25, 1e25].Sample(value => double.Parse(GoFormat.Shortest(value), System.Globalization.CultureInfo.InvariantCulture) == value);
}
