using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Shim;

return args switch
{
    ["shim", .. var rest] => ShimCommand.Run(rest),
    _ => Application.Run(Path.GetFileNameWithoutExtension(Environment.GetCommandLineArgs()[0]), args),
};
