using System.Security.Cryptography;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>Rules for container names, IDs, and names made up for those who give none.</summary>
internal static class ContainerNames
{
    private static readonly string[] Adjectives =
    [
        "agile", "amber", "ample", "apt", "blithe", "bold", "brave", "breezy", "bright", "brisk", "calm", "candid", "chipper", "civil", "clever", "cosy",
        "crisp", "daring", "deft", "eager", "early", "earnest", "fair", "fancy", "fleet", "fond", "frank", "fresh", "gentle", "giddy", "glad", "golden",
        "grand", "hardy", "hearty", "honest", "hopeful", "jaunty", "jolly", "keen", "kind", "lively", "loyal", "lucid", "lucky", "mellow", "merry", "mighty",
        "modest", "neat", "nimble", "noble", "patient", "placid", "plucky", "polite", "prime", "proud", "quick", "quiet", "ready", "rosy", "sage", "serene",
        "sharp", "silent", "smart", "snug", "solid", "spry", "stable", "steady", "sturdy", "sunny", "swift", "tidy", "tranquil", "trusty", "upbeat", "vivid",
        "warm", "wise", "witty", "zesty",
    ];

    private static readonly string[] Surnames =
    [
        "abel", "ampere", "babbage", "banneker", "becquerel", "bernoulli", "bessel", "bohr", "boole", "born", "brahe", "carson", "cauchy", "celsius", "chandra",
        "curie", "dalton", "darwin", "descartes", "dirac", "doppler", "einstein", "euclid", "euler", "faraday", "fermat", "fermi", "feynman", "fourier", "franklin",
        "galileo", "galois", "gauss", "germain", "goodall", "halley", "hamilton", "hertz", "hilbert", "hooke", "hopper", "hubble", "huygens", "hypatia", "jacobi",
        "joule", "kepler", "kirchhoff", "klein", "lagrange", "lamarr", "laplace", "leavitt", "leibniz", "linnaeus", "lovelace", "mach", "maxwell", "meitner",
        "mendel", "mirzakhani", "newton", "nobel", "noether", "ohm", "pascal", "pasteur", "pauli", "planck", "poincare", "ptolemy", "pythagoras", "ramanujan",
        "riemann", "rubin", "rutherford", "sagan", "schrodinger", "shannon", "snell", "tesla", "thales", "torricelli", "turing", "volta", "watt", "weyl", "yalow",
    ];

    /// <summary>64 hex digits. Like docker's, the short form is never all digits, which would read as a number elsewhere.</summary>
    public static string NewId()
    {
        Span<byte> bytes = stackalloc byte[32];
        while (true)
        {
            RandomNumberGenerator.Fill(bytes);
            var id = Convert.ToHexStringLower(bytes);
            if (id.AsSpan(0, 12).ContainsAnyExceptInRange('0', '9')) return id;
        }
    }

    /// <summary>A made-up name; later attempts carry a number so that it ends.</summary>
    public static string Generate(int attempt)
    {
        var name = $"{Adjectives[RandomNumberGenerator.GetInt32(Adjectives.Length)]}_{Surnames[RandomNumberGenerator.GetInt32(Surnames.Length)]}";
        return attempt == 0 ? name : name + RandomNumberGenerator.GetInt32(attempt < 8 ? 10 : 1_000_000);
    }

    /// <summary>At least two characters: a letter or digit, then letters, digits, <c>_ . -</c>.</summary>
    public static bool IsValid(ReadOnlySpan<char> name)
    {
        if (name.Length < 2 || !char.IsAsciiLetterOrDigit(name[0])) return false;
        foreach (char character in name[1..])
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('_' or '.' or '-')) return false;
        return true;
    }

    /// <summary>The name as it is kept (without a leading slash), or InvalidArgument in docker's words.</summary>
    public static string Require(string name)
    {
        var bare = name.StartsWith('/') ? name[1..] : name;
        return IsValid(bare) ? bare : throw WharfException.Invalid($"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    }

    public static WharfException Taken(string name, string holder) => WharfException.Conflict(
        $"Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". You have to remove (or rename) that container to be able to reuse that name.");
}
