using Wharf.Cli;
using Wharf.Daemon.Hosting;

if (args is ["daemon", .. var rest]) return await DaemonCommand.RunAsync(rest);
return await CliProgram.RunAsync(args);
