using Wharf.Daemon.Hosting;

if (args is ["daemon", .. var rest]) return await DaemonCommand.RunAsync(rest);
return 0;
