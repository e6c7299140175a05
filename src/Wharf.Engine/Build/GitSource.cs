using System.Diagnostics;
using System.Globalization;
using System.Text;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build;

/// <summary>The commit that was checked out.</summary>
/// <param name="Time">When it was committed.</param>
public sealed record GitCommit(string Id, DateTimeOffset Time);

/// <summary>
/// A git repository as a source: an address with an optional <c>#ref:subdirectory</c> or <see cref="GitQuery">query</see>. The machine's git fetches it, with nothing
/// of the address able to pass for an option (CVE-2019-13139), no settings but our own, and no hooks.
/// </summary>
public sealed record GitSource(string Remote, string Reference, string Directory)
{
    private const int MaxErrorText = 4096;
    private const int CommitDigits = 40;

    /// <summary>How the ID of the commit has to begin; empty for any.</summary>
    public string Commit { get; private init; } = "";

    public bool KeepsGitDirectory { get; private init; }

    public bool HasSubmodules { get; private init; } = true;

    /// <summary>Whether an address names a repository and not a file.</summary>
    public static bool IsGit(string address)
    {
        var path = address.Split('#', '?')[0];
        if (path.StartsWith("git://", StringComparison.Ordinal) || path.StartsWith("ssh://", StringComparison.Ordinal) || path.StartsWith("github.com/", StringComparison.Ordinal)) return true;
        if (path.StartsWith("http://", StringComparison.Ordinal) || path.StartsWith("https://", StringComparison.Ordinal)) return path.EndsWith(".git", StringComparison.Ordinal);
        int at = path.IndexOf('@'), colon = path.IndexOf(':');
        return at > 0 && colon > at && !path.Contains("://", StringComparison.Ordinal) && !path.AsSpan(0, at).ContainsAny('/', ' ');
    }

    public static GitSource Parse(string address)
    {
        var (remote, fragment) = address.IndexOf('#') is >= 0 and var hash ? (address[..hash], address[(hash + 1)..]) : (address, "");
        var (reference, directory) = fragment.IndexOf(':') is >= 0 and var colon ? (fragment[..colon], fragment[(colon + 1)..]) : (fragment, "");
        var query = GitQuery.None;
        if (remote.IndexOf('?') is >= 0 and var mark) (query, remote) = (GitQuery.Parse(remote[(mark + 1)..]), remote[..mark]);
        reference = GitQuery.Agreed("ref", reference, query.Reference);
        directory = GitQuery.Agreed("subdir", directory, query.Directory);
        if (remote.StartsWith("github.com/", StringComparison.Ordinal)) remote = "https://" + remote;
        if (remote.StartsWith('-') || reference.StartsWith('-') || remote.Contains('\0') || reference.AsSpan().ContainsAny(" \n\0")) throw WharfException.Invalid($"invalid git address: {RemoteAddress.Redacted(address)}");
        return new GitSource(remote, reference, directory) { Commit = query.Commit, KeepsGitDirectory = query.KeepsGitDirectory, HasSubmodules = query.HasSubmodules };
    }

    /// <summary>Checks the repository's files out into an empty directory; gives the commit. <paramref name="sshAgent"/> is the socket of an agent to use.</summary>
    public async Task<GitCommit> CheckOutAsync(string directory, bool keepGitDirectory, string? sshAgent, CancellationToken cancellation)
    {
        var work = Path.Combine(directory, ".git-" + Guid.NewGuid().ToString("n"));
        var repository = Path.Combine(work, "repository");
        keepGitDirectory |= KeepsGitDirectory;
        System.IO.Directory.CreateDirectory(repository);
        var settings = new GitSettings(work, repository, sshAgent);
        await RunAsync(settings, ["init", "--quiet", "."], cancellation);
        await RunAsync(settings, ["remote", "add", "--", "origin", Remote], cancellation);
        await FetchAsync(settings, cancellation);
        await RunAsync(settings, ["-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", "FETCH_HEAD"], cancellation);
        if (HasSubmodules && File.Exists(Path.Combine(repository, ".gitmodules")))
            await RunAsync(settings, ["submodule", "update", "--init", "--recursive", "--depth=1"], cancellation);
        var commit = Read(await RunAsync(settings, ["log", "-1", "--no-show-signature", "--format=%H %ct"], cancellation));
        if (!commit.Id.StartsWith(Commit, StringComparison.OrdinalIgnoreCase)) throw WharfException.Invalid($"expected checksum to match {Commit}, got {commit.Id}");
        if (keepGitDirectory) await RunAsync(settings, ["remote", "set-url", "--", "origin", RemoteAddress.Redacted(Remote)], cancellation);
        Take(repository, directory, keepGitDirectory);
        System.IO.Directory.Delete(work, recursive: true);
        return commit;
    }

    private static GitCommit Read(string line) =>
        line.Trim().Split(' ') is [var id, var seconds] ? new GitCommit(id, DateTimeOffset.FromUnixTimeSeconds(long.Parse(seconds, CultureInfo.InvariantCulture))) : throw new WharfException(ErrorKind.Internal, $"git tells of no commit: {line}");

    private async Task FetchAsync(GitSettings settings, CancellationToken cancellation)
    {
        // A whole commit ID needs no name beside it: the default branch may be past that commit.
        var reference = Reference.Length > 0 ? Reference : Commit.Length == CommitDigits ? Commit : "HEAD";
        bool commit = reference.Length == CommitDigits && reference.AsSpan().IndexOfAnyExcept("0123456789abcdef") < 0;
        try
        {
            await RunAsync(settings, ["fetch", "--quiet", "--depth=1", "--no-tags", "origin", "--", reference], cancellation);
            return;
        }
        catch (WharfException error) when (commit || error.Message.Contains("shallow", StringComparison.Ordinal) || error.Message.Contains("dumb http", StringComparison.Ordinal))
        {
            // Some servers give no single commits or no part of a history: then all of it is fetched.
        }
        await RunAsync(settings, commit ? ["fetch", "--quiet", "--tags", "origin"] : ["fetch", "--quiet", "--no-tags", "origin", "--", reference], cancellation);
        if (commit) await RunAsync(settings, ["update-ref", "FETCH_HEAD", reference], cancellation);
    }

    /// <summary>Moves what is wanted of the clone to where it goes; the subdirectory is looked up inside of the clone (CVE-2026-33748).</summary>
    private void Take(string repository, string directory, bool keepGitDirectory)
    {
        var git = Path.Combine(repository, ".git");
        if (!keepGitDirectory) System.IO.Directory.Delete(git, recursive: true);
        using var root = OpenAt.Open(repository, O.PATH | O.DIRECTORY);
        var clean = ArchivePlace.Clean(Directory);
        int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(clean), O.RDONLY | O.DIRECTORY);
        if (fd < 0) throw WharfException.Invalid($"subdirectory {Directory} not found in {RemoteAddress.Redacted(Remote)}");
        using var found = new Fd(fd);
        using var target = OpenAt.Open(directory, O.PATH | O.DIRECTORY);
        foreach (var name in DirectoryEntries.Read(found.Value)) FileAt.Check(FileAt.Rename(found.Value, name, target.Value, name), "renameat", name);
    }

    private sealed record GitSettings(string Home, string Repository, string? SshAgent);

    private static async Task<string> RunAsync(GitSettings settings, string[] arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("git", arguments) { WorkingDirectory = settings.Repository, RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true };
        start.Environment.Clear();
        start.Environment["PATH"] = System.Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin";
        start.Environment["HOME"] = settings.Home;
        start.Environment["GIT_CONFIG_NOSYSTEM"] = "1";
        start.Environment["GIT_TERMINAL_PROMPT"] = "0";
        (start.Environment["GIT_CONFIG_COUNT"], start.Environment["GIT_CONFIG_KEY_0"], start.Environment["GIT_CONFIG_VALUE_0"]) = ("1", "core.hooksPath", "/dev/null");
        start.Environment["GIT_ALLOW_PROTOCOL"] = "http:https:git:ssh";
        start.Environment["GIT_SSH_COMMAND"] = "ssh -F none -o StrictHostKeyChecking=accept-new -o BatchMode=yes";
        if (settings.SshAgent is not null) start.Environment["SSH_AUTH_SOCK"] = settings.SshAgent;
        using var process = Start(start);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(cancellation);
        var error = process.StandardError.ReadToEndAsync(cancellation);
        try
        {
            await process.WaitForExitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        var result = await output;
        var text = RemoteAddress.Redacted((await error).Trim()); // before it is cut: half an address is not known for one
        if (process.ExitCode != 0) throw WharfException.Invalid($"failed to fetch remote repository: git {arguments[0]}: {(text.Length > MaxErrorText ? text[..MaxErrorText] : text)}");
        return result;
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw WharfException.Unavailable("git could not be started");
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw WharfException.Unavailable("git repositories need git on the daemon's machine: it could not be started", error);
        }
    }
}
