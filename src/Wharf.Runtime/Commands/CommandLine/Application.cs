using Wharf.Linux;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Init;
using Wharf.Specs.Errors;

namespace Wharf.Runtime.Commands.CommandLine;

/// <summary>The OCI runtime's command line: global flags, a command, its flags and arguments; called, answering and failing as runc does.</summary>
internal static class Application
{
    private const int NoSuchCommand = 3, PR_SET_DUMPABLE = 4;

    private static readonly RuntimeCommand[] Commands =
    [
        new CheckpointCommand(), new CreateCommand(), new DeleteCommand(), new EventsCommand(), new ExecCommand(), new FeaturesCommand(), new KillCommand(), new ListCommand(), new PauseCommand(),
        new PsCommand(), new RestoreCommand(), new ResumeCommand(), new RunCommand(), new SpecCommand(), new StartCommand(), new StateCommand(), new UpdateCommand(),
    ];

    public static IReadOnlyList<Flag> GlobalFlags { get; } =
    [
        Flag.Switch("debug", "log more"),
        Flag.Value("log", "file to write the log to (default is '/dev/stderr')"),
        Flag.Value("log-format", "format of the log ('text' or 'json')", null, "text"),
        Flag.Value("root", "directory for the state of containers, best on a tmpfs", null, Context.DefaultRoot),
        Flag.Value("criu", "path of criu, for checkpoint and restore", null, "criu"),
        Flag.Switch("systemd-cgroup", "make cgroups by systemd: cgroupsPath is of the form \"slice:prefix:name\""),
        Flag.Value("rootless", "ignore cgroup permission errors ('true', 'false', or 'auto')", null, "auto"),
        Flag.Switch("help", "show help", "h"),
        Flag.Switch("version", "print the version", "v"),
    ];

    public static int Run(string application, IReadOnlyList<string> words)
    {
        // No process of a container may trace this one or its children, or read their memory and descriptors (CVE-2016-9962).
        if (Defences.Up) SyscallException.Check(Libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl PR_SET_DUMPABLE");
        Arguments global;
        try
        {
            global = Arguments.Parse(words, GlobalFlags, anywhere: false);
        }
        catch (UsageException error)
        {
            Streams.Out($"Incorrect Usage. {error.Message}\n\n{HelpText.OfApplication(application, Commands)}");
            using var log = new RuntimeLog(null, "text", false);
            log.Error(error.Message);
            return 1;
        }
        if (global.On("version"))
        {
            Streams.Out(HelpText.Version(application));
            return 0;
        }
        return RunCommand(application, global);
    }

    private static int RunCommand(string application, Arguments global)
    {
        RuntimeLog log;
        try
        {
            log = new RuntimeLog(global.Text("log"), global.Text("log-format") ?? "text", global.On("debug"));
        }
        catch (Exception error) when (error is InvalidOperationException or SyscallException)
        {
            using var stderr = new RuntimeLog(null, "text", false);
            stderr.Error(error.Message);
            return 1;
        }
        using (log)
        {
            var name = global.Rest.Count > 0 ? global.Rest[0] : "help";
            var command = Commands.FirstOrDefault(command => command.Name == name);
            if (global.On("help") || name is "help" or "h")
            {
                var about = global.Rest.Count > 1 ? Commands.FirstOrDefault(command => command.Name == global.Rest[1]) : null;
                Streams.Out(about is null ? HelpText.OfApplication(application, Commands) : HelpText.OfCommand(application, about));
                return 0;
            }
            if (command is not null) return Run(new Context(application, global, log), command, [.. global.Rest.Skip(1)]);
            log.Error($"No help topic for '{name}'");
            return NoSuchCommand;
        }
    }

    private static int Run(Context context, RuntimeCommand command, IReadOnlyList<string> words)
    {
        try
        {
            var arguments = Arguments.Parse(words, [.. command.Flags, Flag.Switch("help", "show help", "h")], command.FlagsAnywhere);
            if (arguments.On("help"))
            {
                Streams.Out(HelpText.OfCommand(context.Application, command));
                return 0;
            }
            var (least, most) = command.Count;
            if (arguments.Rest.Count < least || arguments.Rest.Count > most)
                throw new UsageException($"{context.Application}: \"{command.Name}\" requires {(least == most ? "exactly" : "a minimum of")} {least} argument{(least == most ? "(s)" : "s")}", false);
            return command.Run(context, arguments);
        }
        catch (UsageException error)
        {
            Streams.Out($"Incorrect Usage{(error.OfFlag ? ": " + error.Message : ".")}\n\n{HelpText.OfCommand(context.Application, command)}");
            context.Log.Error(error.Message);
            return 1;
        }
        catch (Exception error) when (error is RuntimeException or WharfException or IOException or LaunchException or UnauthorizedAccessException or System.Text.Json.JsonException)
        {
            context.Log.Error(command.FailurePrefix(context.Application) + Words(error));
            return command.FailureCode;
        }
    }

    // What callers match on: what the program could not do comes right after "unable to start container process".
    private static string Words(Exception error) => error switch
    {
        LaunchException launch when launch.Message.StartsWith("exec", StringComparison.Ordinal) || launch.Step.StartsWith("chdir to cwd", StringComparison.Ordinal) => "unable to start container process: " + launch.Message,
        LaunchException { InnerException: WharfException or CgroupException } launch => launch.Message,
        LaunchException launch => "unable to start container process: error during container init: " + launch.Message,
        SyscallException call => $"{call.Call} {call.Path}: {System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(call.Errno).ToLowerInvariant()}",
        System.Text.Json.JsonException json => JsonWords.Of(json),
        IOException or UnauthorizedAccessException => FileWords(error),
        _ => error.Message,
    };

    // The messages of the base library are keys here (UseSystemResourceKeys), with the path behind a comma.
    private static string FileWords(Exception error)
    {
        int comma = error.Message.IndexOf(", ", StringComparison.Ordinal);
        var why = error switch { FileNotFoundException or DirectoryNotFoundException => "no such file or directory", UnauthorizedAccessException => "permission denied", _ => null };
        return why is null || comma < 0 ? error.Message : $"open {error.Message[(comma + 2)..]}: {why}";
    }
}

/// <summary>What is wrong with a document, in words that runc's users know.</summary>
internal static class JsonWords
{
    public static string Of(System.Text.Json.JsonException error)
    {
        var text = error.Message;
        if (text.StartsWith("json: ", StringComparison.Ordinal)) return text;
        return text.StartsWith("ZeroDepthAtEnd", StringComparison.Ordinal) || text.StartsWith("Expected", StringComparison.Ordinal) && text.Contains("EndOf", StringComparison.Ordinal) || text.StartsWith("EndOf", StringComparison.Ordinal) || text.StartsWith("ExpectedJsonTokens", StringComparison.Ordinal)
            ? "unexpected EOF" : $"invalid JSON in line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}{(error.Path is { Length: > 0 } path ? $" ({path})" : "")}";
    }
}

/// <summary>A command cannot do what it is asked.</summary>
internal sealed class RuntimeException(string message) : Exception(message);
