using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.DaemonNamespaces;
using Wharf.Runtime.Init;
using Wharf.Runtime.Shim;

// What puts processes into containers first sees to it that they cannot overwrite it.
if (args.Any(word => word is "shim" or "create" or "run" or "exec" or "restore")) ReadonlyExecutable.Ensure();

return args switch
{
    ["shim", .. var rest] => ShimCommand.Run(rest),
    ["enter", .. var rest] => EnterCommand.Run(rest),
    _ => Application.Run(Path.GetFileNameWithoutExtension(Environment.GetCommandLineArgs()[0]), args),
};
