using Wharf.Linux.DBus;

namespace Wharf.Runtime.Cgroups.Systemd;

/// <summary>A property of a systemd unit (org.freedesktop.systemd1(5)): its name and how its value is marshalled, as one variant.</summary>
internal sealed record UnitProperty(string Name, string Signature, Action<DBusWriter> Write, string Shown)
{
    public static UnitProperty Text(string name, string value) => new(name, "s", writer => writer.Text(value), value);
    public static UnitProperty Boolean(string name, bool value) => new(name, "b", writer => writer.Boolean(value), value ? "yes" : "no");
    public static UnitProperty Number(string name, ulong value) => new(name, "t", writer => writer.UInt64(value), value.ToString(System.Globalization.CultureInfo.InvariantCulture));

    public static UnitProperty Pids(params uint[] pids) => new("PIDs", "au", writer => writer.Array(4, () =>
    {
        foreach (var pid in pids) writer.UInt32(pid);
    }), string.Join(' ', pids));

    public static UnitProperty Texts(string name, params string[] values) => new(name, "as", writer => writer.Array(4, () =>
    {
        foreach (var value in values) writer.Text(value);
    }), string.Join(' ', values));

    public static UnitProperty Bytes(string name, byte[] value) => new(name, "ay", writer => writer.Array(1, () => writer.Raw(value)), Convert.ToHexString(value));

    /// <summary>Pairs, as DeviceAllow has them.</summary>
    public static UnitProperty Pairs(string name, IReadOnlyList<(string, string)> values) => new(name, "a(ss)", writer => writer.Array(8, () =>
    {
        foreach (var (first, second) in values)
        {
            writer.Align(8);
            writer.Text(first);
            writer.Text(second);
        }
    }), string.Join(", ", values));

    /// <summary>Writes an array of properties, <c>a(sv)</c>.</summary>
    public static void WriteAll(DBusWriter writer, IEnumerable<UnitProperty> properties) => writer.Array(8, () =>
    {
        foreach (var property in properties)
        {
            writer.Align(8);
            writer.Text(property.Name);
            writer.Signature(property.Signature);
            property.Write(writer);
        }
    });
}
