using System.Globalization;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary><c>no</c>, <c>always</c>, <c>unless-stopped</c> or <c>on-failure[:count]</c>.</summary>
internal static class RestartSpec
{
    public static RestartPolicy Parse(string text)
    {
        var parts = text.Split(':', 2);
        if (text != "" && parts[0] == "") throw new CliException("invalid restart policy format: no policy provided before colon", 125);
        if (parts.Length == 1) return new RestartPolicy { Name = parts[0], MaximumRetryCount = 0 };
        return long.TryParse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var count)
            ? new RestartPolicy { Name = parts[0], MaximumRetryCount = count }
            : throw new CliException("invalid restart policy format: maximum retry count must be an integer", 125);
    }
}
