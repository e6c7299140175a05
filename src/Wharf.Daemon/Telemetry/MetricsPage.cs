using System.Globalization;
using System.Text;

namespace Wharf.Daemon.Telemetry;

/// <summary>A page in Prometheus' text format.</summary>
internal sealed class MetricsPage
{
    private readonly StringBuilder _text = new();

    public void Gauge(string name, string help, double value)
    {
        Head(name, "gauge", help);
        Line(name, "", value);
    }

    public void Head(string name, string type, string help) => _text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

    public void Line(string name, string labels, double value)
    {
        _text.Append(name);
        if (labels.Length > 0) _text.Append('{').Append(labels).Append('}');
        _text.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    public override string ToString() => _text.ToString();

    public static string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
