using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Cli;

/// <summary>The command line with a configuration directory of its own, so that tests may change what is in it.</summary>
internal sealed class WharfCli(EngineFixture engine) : IDisposable
{
    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("wharf-cli-").FullName;
    public Dictionary<string, string> Environment { get; } = [];

    public static string Program => Path.Combine(EngineFixture.Binaries, "wharf");

    public string PathOf(string file) => Path.Combine(Directory, file);

    public void Configure(string json) => File.WriteAllText(PathOf("config.json"), json);

    public Task<CommandResult> RunAsync(params string[] args) => RunAsync(null, args);

    /// <summary>Against the engine under test unless the environment was told another host.</summary>
    public Task<CommandResult> RunAsync(byte[]? stdin, params string[] args) =>
        CommandResult.RunAsync(Program, args, stdin, 120, Variables);

    /// <summary>The same on a terminal of its own, in this directory, into which <paramref name="keys"/> are typed.</summary>
    public Task<CommandResult> OnTerminalAsync(byte[]? keys, params string[] args) =>
        CommandResult.RunAsync("script", ["-qec", $"cd {Directory} && exec {Program} {string.Join(' ', args)}", "/dev/null"], keys, 120, Variables);

    private Dictionary<string, string> Variables => new Dictionary<string, string> { ["DOCKER_HOST"] = engine.Host, ["DOCKER_CONFIG"] = Directory }.Concat(Environment).GroupBy(pair => pair.Key).ToDictionary(group => group.Key, group => group.Last().Value);

    public async Task WriteProgramAsync(string file, string script)
    {
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(PathOf(file))!);
        await File.WriteAllTextAsync(PathOf(file), script);
        File.SetUnixFileMode(PathOf(file), (UnixFileMode)0b111_101_101);
    }

    /// <summary>Puts a program in ssh's place that notes in the file <c>said</c> what it was told, and answers for the engine named.</summary>
    public async Task StandInForSshAsync(string host)
    {
        // Drops what names the machine and runs the rest here.
        await WriteProgramAsync("ssh", $"#!/bin/sh\necho \"$@\" > {PathOf("said")}\nexport DOCKER_HOST={host}\nexec {Program} system dial-stdio\n");
        Environment["PATH"] = $"{Directory}:{System.Environment.GetEnvironmentVariable("PATH")}";
    }

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);
}
