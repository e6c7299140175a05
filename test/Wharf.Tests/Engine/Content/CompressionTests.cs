using System.Security.Cryptography;
using CsCheck;
using Shouldly;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Content;

/// <summary>Archives made by the command-line tools: 200,000 bytes, i * i % 251 each.</summary>
public class CompressionTests
{
    private static readonly Dictionary<string, byte[]> Packed = new()
    {
        ["Gzip"] = Convert.FromBase64String("""
            H4sIAAAAAAACA+3PuSoAAAAAUEJShHIkykBkUMQk5R4wIEfkmEgkOUKuyWCRlJRrURYDBowkVylCSiFKFgZFMtj8g/m9P3gBgcFhUQmp2YU17aNzGycvIWnlvQsH74kV41uvyY3z1zH1i08ZA/uRbduhLTvRPeeZ
            s1/NR1krERMfHQ8NV1UX1TdNz93fU7HreZedQav595MpZ31Jp0PpdzOlv3uDOZ+7Y8Xht2v9JfFvh8vDdblxP4/Hm0vTI12ttZVlRQUFRWWVta1dI9NLm8ePP3G5dcPLh2/xJf1rt+HFY7ufOYN7v6Uzd+lDp0l9
            ZymT9/mrQZ2XeeuxU9/dz0031RdVVw0PHR8TEStZR81fs5nnPdE7LaHbbZH7AxlPi/Ux1/ONya9b4xWJ7wcLveVpIS8nG3Oj7TWF2akJUWHBgQHq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq
            6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq
            6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq
            6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq
            6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq
            6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq
            6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq
            6urq6urq6urq6urq6urq6ur/rf8B5SNUm0ANAwA=
            """),
        ["Bzip2"] = Convert.FromBase64String("""
            QlpoOTFBWSZTWfA6SyoAAY5//+6m56yNomwU/jjvbwa1e74IhUp8JCOOA18m6TsoYmogYAZ+AAAAAAAADgAAAAAAAAAAAAAAAAAAAABwAAAAAAAAAAAAAAAAAAAAA4AAAAAAAAAAAAAAAAAAAAAcAAAAAAAAAAAA
            AAAAAAAAAE1VVJoBo9TQNGjEeo0GahoNMTTT1HpPRB6mmAnhTGU2iMaZTan6jNEyhwAAAAAAAAAAAAAAAAAAAADcUKm98mhU3KFTqoVOShU86hU8tCp4UKntUKnWQqcihU9OhU89CpqIVOEhUzEKnOQqf0hUx6FT
            f0KmIhUz0KmTQqaaFTlUKnXQqdNCptIVOIhU10KnGQqfJQqeshUwoVPtoVNJCpzkKmFCpzaFTTQqZqFTkUKm8QqZFCpwkKmBCp1UKmuhU6tCp2PAhU3FCpqIVPfQqcyhU3iFTZQqZyFToIVOUhUwIVMVCprIVOKh
            UykKmUhU6NCp7KFT90Km5QqaCFTHQqddCpzEKm2hU7SFTpoVN0hUz6FT7kKmjQqZSFTMQqYiFTWQqayFTXQqbhCpoUKnAQqaCFT0UKnaQqcdCppUKnSQqYUKm6QqaVCploVNlCpiIVNpCpw0KmTQqdRCp3EKnroV
            OfQqZaFTSoVPhQqbSFTdoVMZCpmIVO+hU3qFTbQqeohU41Cp1kKngoVMdCpkIVM9CpgQqZSFTqUKmihUwoVP7QqfshU7aFTwoVPvQqf8hU4CFTBQqfMhUwoVOwhUw0KnUQqe4hU7iFTJQqd5Cpv0KneQqayFTFQq
            dJCp/qFTiIVO+hU16FTGQqdmhUzkKmxQqZKFTLoVNFCpsIVN8hU2UKmQhU1UKnsIVMCFT6kKnfQqdBCpgQqb1CptUKnBQqbSFTfIVO3Qqc9CpqIVOXQqaqFTk0KmehUzUKmWhUz0KmihU5tCp3aFTIQqaSFTjoVN
            lCpvkKm2hUxUKnhoVOGhU7qFTJQqaaFTioVNVCp89CpsIVNhCphQqcFCpsoVNyhUzUKn80KnjQqeYhU5yFTuIVP8QqfohUwIVPoQqbSFT0EKmshU+VCp2UKnRoVNtCpiIVPpQqeKhUykKmjQqcpCppoVOWhU0qFT
            ZQqbtCp0UKn8IVNZCpjIVNhCpu0KmMhU8SFTOQqc9Cp/4u5IpwoSHgdJZUA=
            """),
        ["Xz"] = Convert.FromBase64String("""
            /Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4w0/AWtdAAAAUrgPwluI8BxehUIjyG75an6Opz3ivq6DHQVpAc5lBbOQi1e9WUTlMwz5iWZeIQxu6PKmfWoEMKQNulmTEZktNvUMn/VqtXcM/ArPYAPJLyJHTDh7uACU
            s1AqxZFWYQwBDKspNf1Zx4ImY7Ojsfd4ocF+Qk84zhjtI8NerY8iuLAqC4ljOkYlkjG9bhO1+CdUKK6/JpRUaLxwalXQwnHZh5WGdQte4QUxuVBVczXK76K/29RGI9vf1Ha1LHLPyeMwNO7xjqLOO2kaqCDllZjh
            yMXWpBtlUbKKOiXn2kt/SbF64vktzNEv8+3iLY7vx+dbe8nEQaTQzCuHX72WHQLCUVaYTJnkt8wTj6zrXKyICSPzI9HL0rQNLUKzkDaMUfpWVdGjjl9Y+Ze5rhyPHJ5ejYGil5z4OUdOY7wIM1locWnICXH70CSk
            dUQxBqTBxOWw+UhTiFyqwNxf/16WFn7avq58MRVXSqgAAAAAvpyG8mAvBrsAAYcDwJoMAEEWPK2xxGf7AgAAAAAEWVo=
            """),
        ["Zstd"] = Convert.FromBase64String("""
            KLUv/aRADQMALAgAtA8AAQQJEBkkMUBRZHmQqcThBSZJbpW+6RtKe67jH1iT0BRVmN0pcr0PXq8HXLMRbMktjvFbwjCbDXztZdpWz0/MUNFZ3mrzgxWkOs1nA5w82X0jxnAcxXUn1oxE+bVzM/C0ekIM06FxQxfo
            wJp2VDQW9dvDrZmHd2ldU0tFQT8/QUVLU11pd4eZrcPb9RY0VHaawOgXQ3Gh0wxCerTwM3O1+USM1id1xRxwxiN92TycA2fNOqQVg/Nq3lnRUMxPz1baZe18DZswwlvxji3JbBGzXAevXg+9cindmFUU0JNYH+Ou
            e0ob6b6VbkkmBeHEqZB5ZFFAMSQZEAkEAQEAe4F/f26kVQAAAAEAPQ3R/7kGAiXBZtQ=
            """),
    };

    private static readonly byte[] Plain = [.. Enumerable.Range(0, 200_000).Select(i => (byte)((long)i * i % 251))];

    public static TheoryData<string> Formats => [.. Packed.Keys];

    [Theory, MemberData(nameof(Formats))]
    public async Task Every_format_is_told_by_its_first_bytes_and_unpacked(string format) => (await UnpackAsync(Packed[format])).ShouldBe(Plain);

    [Theory, MemberData(nameof(Formats))]
    public async Task Two_streams_after_each_other_are_both_unpacked(string format) => (await UnpackAsync([.. Packed[format], .. Packed[format]])).Length.ShouldBe(400_000);

    [Fact]
    public async Task What_is_not_compressed_comes_as_it_is()
    {
        (await UnpackAsync([1, 2, 3])).ShouldBe([1, 2, 3]);
        (await UnpackAsync([])).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("Bzip2")]
    [InlineData("Xz")]
    [InlineData("Zstd")]
    public async Task A_stream_cut_short_is_an_error(string format) =>
        (await Should.ThrowAsync<WharfException>(UnpackAsync(Packed[format][..^20]))).Kind.ShouldBe(ErrorKind.InvalidArgument);

    [Theory, MemberData(nameof(Formats))]
    public void Damage_is_an_error_or_other_bytes_but_never_a_crash(string format) =>
        Gen.Select(Gen.Int[4, Packed[format].Length - 1], Gen.Byte).Sample((at, value) =>
        {
            var damaged = (byte[])Packed[format].Clone();
            damaged[at] = value;
            try
            {
                UnpackAsync(damaged).GetAwaiter().GetResult();
            }
            catch (WharfException error)
            {
                error.Kind.ShouldBe(ErrorKind.InvalidArgument);
            }
        }, iter: 200);

    [Theory, MemberData(nameof(Formats))]
    public async Task A_bomb_is_stopped(string format)
    {
        // The same stream over and over gives 100 MB from a few hundred KB; allowed is ten times what went in.
        var many = new MemoryStream();
        for (int i = 0; i < 500; i++) many.Write(Packed[format]);
        var error = await Should.ThrowAsync<WharfException>(UnpackAsync(many.ToArray(), maxRatio: 10));
        error.Message.ShouldContain("more than 10 times its size");
    }

    private static async Task<byte[]> UnpackAsync(byte[] packed, int maxRatio = 1100)
    {
        await using var plain = await Compression.OpenAsync(new MemoryStream(packed), maxRatio, default);
        var output = new MemoryStream();
        await plain.CopyToAsync(output);
        return output.ToArray();
    }
}
