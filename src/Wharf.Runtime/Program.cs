using Wharf.Runtime.Commands;
using Wharf.Runtime.Shim;

return args switch
{
    ["run", .. var rest] => RunCommand.Run(rest),
    ["shim", .. var rest] => ShimCommand.Run(rest),
    _ => Usage(args),
};

static int Usage(string[] args)
{
    Console.Error.WriteLine(args.Length == 0 ? "usage: wharf-runtime COMMAND" : $"wharf-runtime: unknown command {args[0]}");
    return 1;
}
