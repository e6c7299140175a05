using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Building;

/// <summary>A secret of <c>--secret</c>: <c>id=token,src=path</c>, <c>id=token,env=NAME</c>, or an ID that is a variable's name or a file's.</summary>
internal static class SecretSpec
{
    private const int MaxBytes = 500 << 10;

    public static (string Id, Func<byte[]> Read) Parse(string text)
    {
        var fields = BuildOptionFields.Parse(text.Replace("source=", "src=", StringComparison.Ordinal), "secret");
        var id = fields.GetValueOrDefault("id", "");
        if (id == "") throw new FormatException("secret needs an id");
        if (fields.Keys.FirstOrDefault(static key => key is not ("id" or "src" or "env" or "type")) is { } other) throw new FormatException($"unexpected key '{other}' in '{text}'");
        var type = fields.GetValueOrDefault("type", "");
        if (type is not ("" or "file" or "env")) throw new FormatException($"unsupported secret type {Output.Quoting.Quote(type)}");
        var path = fields.GetValueOrDefault("src", "");
        var variable = fields.GetValueOrDefault("env", type == "env" ? path.Length > 0 ? path : id : "");
        if (variable == "" && path == "" && type == "" && Environment.GetEnvironmentVariable(id) is not null) variable = id;
        if (variable != "") return (id, () => System.Text.Encoding.UTF8.GetBytes(Environment.GetEnvironmentVariable(variable) ?? ""));
        var file = Path.GetFullPath(path == "" ? id : path);
        if (!File.Exists(file)) throw new FormatException($"failed to stat {file}: stat {file}: no such file or directory");
        if (new FileInfo(file).Length > MaxBytes) throw new FormatException($"secret {Output.Quoting.Quote(file)} too big. max size 500KB");
        return (id, () => File.ReadAllBytes(file));
    }
}

/// <summary>An agent of <c>--ssh</c>: <c>default</c> for the one of SSH_AUTH_SOCK, or <c>id=socket</c>.</summary>
internal static class AgentSpec
{
    public static (string Id, string Socket) Parse(string text)
    {
        var (id, socket) = KeyValue.Split(text);
        if (socket == "")
        {
            socket = Environment.GetEnvironmentVariable("SSH_AUTH_SOCK") ?? "";
            if (socket == "") throw new FormatException($"invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
        }
        if (!Copying.FileKind.IsSocket(socket)) throw new FormatException($"{socket} is no socket of an agent: keys are not read here, add them to an agent (ssh-add)");
        return (id, socket);
    }
}
