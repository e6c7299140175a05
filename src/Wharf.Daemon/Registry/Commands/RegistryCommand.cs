using Wharf.Daemon.Registry.Hosting;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Commands;

/// <summary><c>wharf registry</c>: serves a registry, or works on any.</summary>
public static class RegistryCommand
{
    private const string Usage = """
        Usage:  wharf registry COMMAND

        Run a registry, or look after one

        Commands:
          serve       Run a registry

        Run 'wharf registry COMMAND --help' for more information on a command.
        """;

    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            switch (args)
            {
                case [] or ["--help" or "-h" or "help", ..]:
                    Console.Out.WriteLine(Usage);
                    return 0;
                case ["serve", .. var rest]:
                    return await ServeCommand.RunAsync(rest);
                default:
                    await Console.Error.WriteLineAsync($"wharf: unknown command: wharf registry {args[0]}\n\nRun 'wharf registry --help' for more information");
                    return 1;
            }
        }
        catch (WharfException error)
        {
            await Console.Error.WriteLineAsync($"wharf registry: {error.Message}");
            return 1;
        }
    }
}
