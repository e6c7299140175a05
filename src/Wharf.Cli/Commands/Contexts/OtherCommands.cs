using System.Text;
using System.Text.Json.Nodes;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Contexts;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Contexts;

/// <summary><c>wharf context show</c>.</summary>
internal sealed class ShowCommand : Command
{
    public override string Usage => "";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await cli.Out.WriteLineAsync(cli.Options.CurrentContext);
        return 0;
    }
}

/// <summary><c>wharf context use</c>.</summary>
internal sealed class UseCommand : Command
{
    public override string Usage => "CONTEXT";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var name = arguments[0];
        if (name != ContextStore.Default) cli.Options.Contexts.Get(name);
        cli.Config.UseContext(name);
        await cli.Out.WriteLineAsync(name);
        await cli.Error.WriteLineAsync($"Current context is now {Quoting.Quote(name)}");
        if (name != ContextStore.Default) await ListCommand.WarnOfHostAsync(cli, name);
        return 0;
    }
}

/// <summary><c>wharf context rm</c>.</summary>
internal sealed class RemoveCommand : EachCommand
{
    private readonly BoolFlag force;

    public RemoveCommand() => force = Flags.Bool("force", 'f', "Remove it even if it is the current one, and do not mind if it is not there");

    public override string Usage => "CONTEXT [CONTEXT...]";

    protected override Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        var store = cli.Options.Contexts;
        if (name == ContextStore.Default) throw new CliException("context \"default\" cannot be removed");
        if (!store.Exists(name) && !force) throw new CliException($"context {Quoting.Quote(name)} does not exist");
        if (name == cli.Options.CurrentContext)
        {
            if (!force) throw new CliException($"context {Quoting.Quote(name)} is in use, set -f flag to force remove");
            cli.Config.UseContext(null);
        }
        store.Remove(name);
        return Task.FromResult<string?>(name);
    }
}

/// <summary><c>wharf context inspect</c>.</summary>
internal sealed class InspectCommand : Command
{
    private readonly StringFlag format;

    public InspectCommand() => format = Flags.String("format", 'f', "Format the output with a Go template, or 'json'");

    public override string Usage => "[OPTIONS] [CONTEXT] [CONTEXT...]";

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken) =>
        Inspection.RunAsync(cli, format.Value, arguments.Count == 0 ? [cli.Options.CurrentContext] : arguments, name => Task.FromResult(Describe(cli, name)));

    private static byte[] Describe(CliContext cli, string name)
    {
        var store = cli.Options.Contexts;
        bool isDefault = name == ContextStore.Default;
        var context = isDefault ? new ContextDocument { Name = name, Endpoints = { ["docker"] = new ContextEndpoint { Host = cli.Options.DefaultHost } } } : store.Get(name);
        var tls = isDefault ? [] : store.Tls(name).Keys.Select(file => (JsonNode)file).ToArray();
        var metadata = new JsonObject();
        if (context.Metadata.Description is { } description) metadata["Description"] = description;
        return Encoding.UTF8.GetBytes(new JsonObject
        {
            ["Name"] = context.Name,
            ["Metadata"] = metadata,
            ["Endpoints"] = new JsonObject { ["docker"] = new JsonObject { ["Host"] = context.Docker.Host, ["SkipTLSVerify"] = context.Docker.SkipTLSVerify } },
            ["TLSMaterial"] = tls.Length == 0 ? new JsonObject() : new JsonObject { ["docker"] = new JsonArray(tls) },
            ["Storage"] = new JsonObject { ["MetadataPath"] = isDefault ? "<IN MEMORY>" : store.MetaPath(name), ["TLSPath"] = isDefault ? "<IN MEMORY>" : store.TlsPath(name) },
        }.ToJsonString(new System.Text.Json.JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }).Replace("<", "\\u003c", StringComparison.Ordinal).Replace(">", "\\u003e", StringComparison.Ordinal).Replace("&", "\\u0026", StringComparison.Ordinal));
    }
}

/// <summary><c>wharf context export</c>.</summary>
internal sealed class ExportCommand : Command
{
    public override string Usage => "[OPTIONS] CONTEXT [FILE|-]";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var name = arguments[0];
        ContextStore.CheckName(name);
        var context = cli.Options.Contexts.Get(name);
        var path = arguments.Count > 1 ? arguments[1] : $"{name}.dockercontext";
        using var archive = new MemoryStream();
        ContextArchive.Write(archive, context, cli.Options.Contexts.Tls(name));
        if (path == "-")
        {
            if (Terminal.IsTerminal(1)) throw new CliException("cowardly refusing to export to a terminal, specify a file path");
            await cli.OutputStream.WriteAsync(archive.GetBuffer().AsMemory(0, (int)archive.Length), cancellationToken);
            return 0;
        }
        if (File.Exists(path)) throw new CliException($"open {path}: file exists");
        await using (var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
            await file.WriteAsync(archive.GetBuffer().AsMemory(0, (int)archive.Length), cancellationToken);
        await cli.Error.WriteLineAsync($"Written file {Quoting.Quote(path)}");
        return 0;
    }
}

/// <summary><c>wharf context import</c>.</summary>
internal sealed class ImportCommand : Command
{
    public override string Usage => "CONTEXT FILE|-";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (name, store) = (arguments[0], cli.Options.Contexts);
        ContextStore.CheckName(name);
        if (store.Exists(name)) throw new CliException($"context {Quoting.Quote(name)} already exists");
        using var archive = new MemoryStream();
        if (arguments[1] == "-") await cli.InputStream.CopyToAsync(archive, cancellationToken);
        else
        {
            if (!File.Exists(arguments[1])) throw new CliException($"open {arguments[1]}: no such file or directory");
            await using var file = File.OpenRead(arguments[1]);
            await file.CopyToAsync(archive, cancellationToken);
        }
        var (context, tls) = ContextArchive.Read(archive.ToArray());
        context.Name = name;
        store.Save(context);
        store.SaveTls(name, tls);
        await cli.Out.WriteLineAsync(name);
        await cli.Error.WriteLineAsync($"Successfully imported context {Quoting.Quote(name)}");
        return 0;
    }
}
