using System.Globalization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Secrets;

/// <summary>
/// A container's use of a secret, from an annotation <c>wharf.secret.ANY</c> with the value <c>NAME[,type=mount|env][,target=…][,uid=…][,gid=…][,mode=…]</c>: docker's
/// API has no field for it outside of swarm.
/// </summary>
internal sealed record SecretUse(string Name, bool IsVariable, string Target, int Uid, int Gid, UnixFileMode Mode)
{
    public const string Key = "wharf.secret.";
    private const string Directory = "/run/secrets/";

    /// <summary>The uses that a configuration asks for, in the order of their annotations' names.</summary>
    public static List<SecretUse> Of(HostConfig host) =>
        [.. (host.Annotations ?? []).Where(static pair => pair.Key.StartsWith(Key, StringComparison.Ordinal)).OrderBy(static pair => pair.Key, StringComparer.Ordinal).Select(static pair => Parse(pair.Value))];

    private static SecretUse Parse(string text)
    {
        var fields = text.Split(',');
        var (name, type, target, mode) = (fields[0], "mount", "", "444");
        int uid = 0, gid = 0;
        foreach (var field in fields[1..])
        {
            int at = field.IndexOf('=');
            var value = at < 0 ? throw Bad(text, $"\"{field}\" is not key=value") : field[(at + 1)..];
            switch (field[..at])
            {
                case "type": type = value is "mount" or "env" ? value : throw Bad(text, $"type \"{value}\" is neither mount nor env"); break;
                case "target": target = value; break;
                case "uid": uid = Number(value, text); break;
                case "gid": gid = Number(value, text); break;
                case "mode": mode = value; break;
                case var other: throw Bad(text, $"unknown option \"{other}\"");
            }
        }
        if (name.Length == 0) throw Bad(text, "it names no secret");
        int bits;
        try { bits = Convert.ToInt32(mode, 8); }
        catch (Exception error) when (error is FormatException or OverflowException or ArgumentException) { throw Bad(text, $"mode \"{mode}\" is not octal"); }
        if (bits is < 0 or > 0x1FF) throw Bad(text, $"mode \"{mode}\" is beyond 0777");
        bool isVariable = type == "env";
        if (isVariable && (target.Contains('=') || target.Contains('\0'))) throw Bad(text, $"\"{target}\" cannot be a variable's name");
        if (target.Length == 0) target = name;
        else if (!isVariable && target.Split('/').Contains("..")) throw Bad(text, $"target \"{target}\" leads out of its directory");
        return new SecretUse(name, isVariable, isVariable || target[0] == '/' ? target : Directory + target, uid, gid, (UnixFileMode)bits);
    }

    private static int Number(string value, string text) => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : throw Bad(text, $"\"{value}\" is not a number");

    private static WharfException Bad(string text, string why) => WharfException.Invalid($"invalid secret \"{text}\": {why}");
}
