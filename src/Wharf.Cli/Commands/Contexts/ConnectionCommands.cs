using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Contexts;
using Wharf.Cli.Output;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands.Contexts;

/// <summary>The verbs of <c>system connection</c>: podman's words for contexts.</summary>
internal static class ConnectionVerbs
{
    public static CommandEntry Noun => Catalog.Noun("connection", "Manage contexts in podman's words",
        Verb("add", "Add a context", () => new AddConnectionCommand()),
        Verb("default", "Make a context the current one", () => new DefaultConnectionCommand()),
        Verb("ls", "List contexts", () => new ListConnectionsCommand(), "system connection ls", "system connection list").As("ls", ["list"]),
        Verb("rename", "Give a context another name", () => new RenameConnectionCommand(), "system connection rename", "system connection mv").As("rename", ["mv"]),
        Verb("rm", "Remove a context", () => new RemoveConnectionCommand(), "system connection rm", "system connection remove").As("rm", ["remove"]));

    internal static CliException Undefined(string name) => new($"{Quoting.Quote(name)} destination is not defined. See \"{CliContext.Program} system connection add ...\" to create a connection");
}

/// <summary><c>wharf system connection add</c>.</summary>
internal sealed class AddConnectionCommand : Command
{
    private readonly BoolFlag isDefault;
    private readonly IntFlag port;
    private readonly StringFlag ca, certificate, key, socketPath, identity;

    public AddConnectionCommand()
    {
        isDefault = Flags.Bool("default", 'd', "Make it the current one");
        identity = Flags.String("identity", "Not taken: ssh_config(5) says which key is whose (IdentityFile)");
        port = Flags.Int("port", 'p', "Port of ssh, when the destination has none");
        socketPath = Flags.String("socket-path", "Not taken: over ssh the other side's own client finds its engine (DOCKER_HOST there)");
        ca = Flags.String("tls-ca", "Trust only certificates signed by this CA");
        certificate = Flags.String("tls-cert", "TLS certificate of the client");
        key = Flags.String("tls-key", "TLS key of the client");
    }

    public override string Usage => "[OPTIONS] NAME DESTINATION";
    public override string Details => "DESTINATION is [USER@]HOST[:PORT] for ssh, or ssh://[USER@]HOST[:PORT], tcp://HOST:PORT or unix:///PATH.";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (name, store) = (arguments[0], cli.Options.Contexts);
        ContextStore.CheckName(name);
        // Docker's contexts have no place for it, and docker's client would ask with another key than we.
        if (identity.Value != "") throw new CliException("--identity is not kept with a context: name the key in ssh_config(5), as IdentityFile of the host");
        if (socketPath.Value != "") throw new CliException("--socket-path is not kept with a context: over ssh the client of the other side finds its engine, by DOCKER_HOST or its own contexts");
        var context = new ContextDocument { Name = name };
        var settings = new Dictionary<string, string> { ["host"] = Destination(arguments[1]), ["ca"] = ca.Value, ["cert"] = certificate.Value, ["key"] = key.Value };
        var tls = EndpointFlag.Apply(settings, context, store, cli.Options);
        store.Save(context);
        store.SaveTls(name, tls);
        if (isDefault) cli.Config.UseContext(name);
        return Task.FromResult(0);
    }

    private string Destination(string text)
    {
        var address = text.Contains("://", StringComparison.Ordinal) ? text : "ssh://" + text;
        if (address.StartsWith("unix://", StringComparison.Ordinal) && !address.StartsWith("unix:///", StringComparison.Ordinal)) throw new CliException($"{text}: a unix socket's path is absolute");
        if (address.StartsWith("ssh://", StringComparison.Ordinal))
        {
            if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Host == "") throw new CliException($"invalid destination {text}");
            if (uri.Port < 0 && port.Changed) address = $"ssh://{(uri.UserInfo == "" ? "" : uri.UserInfo + "@")}{uri.Host}:{port.Value.ToString(CultureInfo.InvariantCulture)}";
        }
        DockerHost.Parse(address);
        return address;
    }
}

/// <summary><c>wharf system connection default</c>.</summary>
internal sealed class DefaultConnectionCommand : Command
{
    public override string Usage => "NAME";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (arguments[0] != ContextStore.Default && !cli.Options.Contexts.Exists(arguments[0])) throw ConnectionVerbs.Undefined(arguments[0]);
        cli.Config.UseContext(arguments[0]);
        return Task.FromResult(0);
    }
}

/// <summary><c>wharf system connection ls</c>.</summary>
internal sealed class ListConnectionsCommand : Command
{
    private readonly StringFlag format;
    private readonly BoolFlag quiet;

    public ListConnectionsCommand()
    {
        format = Flags.AddFormat();
        quiet = Flags.Bool("quiet", 'q', "Only names");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    private sealed record Row(string Name, string Uri, bool IsDefault);

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var rows = cli.Options.Contexts.All().Select(context => new Row(context.Name, context.Docker.Host, cli.Config.CurrentContext == context.Name)).ToList();
        await cli.Out.WriteAsync(Create().Render(format.Value != "" ? format.Value : "table", quiet, rows));
        return 0;
    }

    private static Listing<Row> Create() => new()
    {
        TypeName = "connection",
        TableFormat = "{{.Name}}\t{{.URI}}\t{{.Identity}}\t{{.Default}}\t{{.ReadWrite}}",
        QuietFormat = "{{.Name}}",
        Columns = [new("Name", "NAME", row => row.Name), new("URI", "URI", row => row.Uri), new("Identity", "IDENTITY", _ => ""), new("Default", "DEFAULT", row => row.IsDefault), new("ReadWrite", "READWRITE", _ => true)],
    };
}

/// <summary><c>wharf system connection rename</c>: TLS files, farms and what is current go along.</summary>
internal sealed class RenameConnectionCommand : Command
{
    public override string Usage => "OLD NEW";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (from, to, store) = (arguments[0], arguments[1], cli.Options.Contexts);
        if (!store.Exists(from)) throw ConnectionVerbs.Undefined(from);
        ContextStore.CheckName(to);
        if (from == to) return Task.FromResult(0);
        // Podman overwrites it without a word.
        if (store.Exists(to)) throw new CliException($"context {Quoting.Quote(to)} already exists");
        var context = store.Get(from);
        context.Name = to;
        store.Save(context);
        store.SaveTls(to, store.Tls(from));
        var farms = new FarmStore(cli.Config.Directory);
        var document = farms.Read();
        foreach (var connections in document.Farms.Values)
            for (int i = 0; i < connections.Count; i++) if (connections[i] == from) connections[i] = to;
        if (document.Farms.Count > 0) farms.Save(document);
        if (cli.Config.CurrentContext == from) cli.Config.UseContext(to);
        store.Remove(from);
        return Task.FromResult(0);
    }
}

/// <summary><c>wharf system connection rm</c>; what is not there is removed, as with podman.</summary>
internal sealed class RemoveConnectionCommand : Command
{
    private readonly BoolFlag all;

    public RemoveConnectionCommand() => all = Flags.Bool("all", 'a', "All of them");

    public override string Usage => "[OPTIONS] [NAME]";
    public override int MaxArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (all == (arguments.Count == 1)) throw new CliException("name a connection, or remove --all");
        var store = cli.Options.Contexts;
        foreach (var name in all ? store.All().ConvertAll(static context => context.Name) : arguments)
        {
            store.Remove(name);
            if (cli.Config.CurrentContext == name) cli.Config.UseContext(null);
        }
        return Task.FromResult(0);
    }
}
