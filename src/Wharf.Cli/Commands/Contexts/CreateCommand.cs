using Wharf.Cli.CommandLine;
using Wharf.Cli.Contexts;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Contexts;

/// <summary><c>wharf context create</c>.</summary>
internal sealed class CreateCommand : Command
{
    private readonly StringFlag description, from;
    private readonly StringFlag docker;

    public CreateCommand()
    {
        description = Flags.String("description", "What the context is for");
        docker = Flags.Add(new StringFlag("docker", '\0', "Set the endpoint: host, ca, cert, key, skip-tls-verify, from", typeName: "stringToString") { Check = text => EndpointFlag.Parse(text), DefaultText = "[]" });
        from = Flags.String("from", "Copy this context");
    }

    public override string Usage => "[OPTIONS] CONTEXT";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (name, store) = (arguments[0], cli.Options.Contexts);
        ContextStore.CheckName(name);
        if (store.Exists(name)) throw new CliException($"context {Quoting.Quote(name)} already exists");
        var context = new ContextDocument { Name = name };
        var settings = docker.Changed ? EndpointFlag.Parse(docker.Value) : new() { ["from"] = from.Value != "" ? from.Value : cli.Options.CurrentContext };
        if (from.Value != "")
        {
            if (docker.Changed) throw new CliException("cannot use --docker flag when --from is set");
            if (from.Value != ContextStore.Default) context.Metadata.Description = store.Get(from.Value).Metadata.Description;
        }
        if (description.Changed) context.Metadata.Description = description.Value;
        var tls = EndpointFlag.Apply(settings, context, store, cli.Options);
        store.Save(context);
        store.SaveTls(name, tls);
        await cli.Out.WriteLineAsync(name);
        await cli.Error.WriteLineAsync($"Successfully created context {Quoting.Quote(name)}");
        return 0;
    }
}

/// <summary><c>wharf context update</c>.</summary>
internal sealed class UpdateCommand : Command
{
    private readonly StringFlag description, docker;

    public UpdateCommand()
    {
        description = Flags.String("description", "What the context is for");
        docker = Flags.Add(new StringFlag("docker", '\0', "Set the endpoint: host, ca, cert, key, skip-tls-verify, from", typeName: "stringToString") { Check = text => EndpointFlag.Parse(text), DefaultText = "[]" });
    }

    public override string Usage => "[OPTIONS] CONTEXT";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (name, store) = (arguments[0], cli.Options.Contexts);
        ContextStore.CheckName(name);
        var context = store.Get(name);
        if (description.Changed) context.Metadata.Description = description.Value;
        if (docker.Changed) store.SaveTls(name, EndpointFlag.Apply(EndpointFlag.Parse(docker.Value), context, store, cli.Options));
        store.Save(context);
        await cli.Out.WriteLineAsync(name);
        await cli.Error.WriteLineAsync($"Successfully updated context {Quoting.Quote(name)}");
        return 0;
    }
}
