using Wharf.Cli;
using Wharf.Daemon.Hosting;
using Wharf.Daemon.Registry.Commands;

if (args is ["daemon", .. var rest]) return await DaemonCommand.RunAsync(rest);
if (args is ["registry", .. var registry]) return await RegistryCommand.RunAsync(registry, RegistryCredentials.FindAsync);
if (args is ["layer-recipe", .. var recipe]) return await LayerRecipeCommand.RunAsync(recipe);
return await CliProgram.RunAsync(args, new ImageTransports(TransportFiles.ToArchiveAsync, TransportFiles.FromArchiveAsync));
