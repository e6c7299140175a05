using System.Diagnostics;

namespace Wharf.Engine.Networks;

/// <summary>Runs iptables' own programs in the network namespace of the calling thread: they alone speak to the kernel's older tables.</summary>
internal sealed class IptablesProgram(bool legacy)
{
    private static readonly string[] Directories = ["/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"];
    private const int Patience = 30_000;

    /// <summary>The families rules are made for: false IPv4, true IPv6 where the kernel has it.</summary>
    public IReadOnlyList<bool> Families { get; } = Interfaces.HasIPv6 && Find(legacy, "ip6tables", "save") is not null ? [false, true] : [false];

    /// <summary>The machine's iptables is the one that writes nftables' own tables, in chains of the old names.</summary>
    public static bool ShowsNftables { get; } = Find(legacy: false, "iptables", "save") is { } path && (File.ResolveLinkTarget(path, returnFinalTarget: true)?.Name ?? Path.GetFileName(path)) == "xtables-nft-multi";

    /// <summary>All tables of a family.</summary>
    public string Save(bool v6) => Run(v6, "save", [], null);

    /// <summary>Makes a script's changes, a table in one step; what is not named stays.</summary>
    public void Restore(bool v6, string script) => _ = Run(v6, "restore", ["--noflush", "--wait"], script);

    /// <summary>Takes a chain of the filter table away if it is empty, nobody jumps to it and its policy lets packets pass; the kernel looks, so that nothing gets lost meanwhile.</summary>
    public static void DeleteUnused(bool v6, string chain)
    {
        if (Find(legacy: false, v6 ? "ip6tables" : "iptables", "save") is not { } save) return;
        try { _ = Run(save[..^"-save".Length], ["--wait", "-X", chain], null); }
        catch (IOException) { return; } // it is in use
    }

    private string Run(bool v6, string verb, string[] arguments, string? input)
    {
        var family = v6 ? "ip6tables" : "iptables";
        var path = Find(legacy, family, verb) ?? throw new IOException($"neither nftables nor {family}-{verb} can be used: install libnftables1 (and a kernel with nf_tables) or iptables");
        return Run(path, arguments, input);
    }

    private static string Run(string path, string[] arguments, string? input)
    {
        using var process = Process.Start(new ProcessStartInfo(path, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        if (input is not null) process.StandardInput.Write(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEnd();
        // A line or two: it waits in the pipe.
        var told = process.StandardError.ReadToEnd().Trim();
        if (!process.WaitForExit(Patience))
        {
            process.Kill();
            throw new IOException($"{path} does not end");
        }
        return process.ExitCode == 0 ? output : throw new IOException($"{path} refused the rules: {told}");
    }

    // Where the kernel has no nf_tables the legacy programs are the ones that work; elsewhere the machine's own choice.
    private static string? Find(bool legacy, string family, string verb) =>
        (legacy ? (string[])[$"{family}-legacy-{verb}", $"{family}-{verb}"] : [$"{family}-{verb}"]).SelectMany(name => Directories.Select(directory => Path.Combine(directory, name))).FirstOrDefault(File.Exists);
}
