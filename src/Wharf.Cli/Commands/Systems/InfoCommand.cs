using Wharf.Cli.CommandLine;
using Wharf.Cli.Output.Templates;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf info</c>.</summary>
internal sealed class InfoCommand : Command
{
    private readonly StringFlag format;

    public InfoCommand() => format = Flags.AddFormat('f', "How to print: 'json', or a Go template");

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (format.Value != "")
        {
            var raw = await cli.Api.GetElementAsync("/info", cancellationToken);
            var data = (TemplateObject)(TemplateValue.FromJson(raw) ?? new TemplateObject());
            data.TypeName = "system.dockerInfo";
            data["ClientInfo"] = ClientInfo(cli);
            await cli.Out.WriteLineAsync(Template.Parse(format.Value == "json" ? "{{json .}}" : format.Value).Execute(data));
            return 0;
        }
        await cli.Out.WriteAsync($"Client:\n Version:    {ClientVersion.Product}\n Context:    {cli.Options.CurrentContext}\n Debug Mode: {(cli.Options.Debug ? "true" : "false")}\n\nServer:\n");
        var info = await cli.Api.GetAsync("/info", DockerApiJson.Default.SystemInfo, cancellationToken);
        await cli.Out.WriteAsync(InfoText.Server(info));
        foreach (var warning in info.Warnings ?? []) await cli.Error.WriteLineAsync(warning);
        return 0;
    }

    private static TemplateObject ClientInfo(CliContext cli)
    {
        var client = new TemplateObject();
        client["Debug"] = cli.Options.Debug.Value;
        client["Version"] = ClientVersion.Product;
        client["GitCommit"] = ClientVersion.ShortCommit;
        client["Os"] = "linux";
        client["Context"] = cli.Options.CurrentContext;
        client["Plugins"] = new List<object?>();
        return client;
    }
}
