using System.ComponentModel;
using System.Diagnostics;

namespace Wharf.Cli.WebLogin;

/// <summary>The user's web browser.</summary>
internal static class Browser
{
    /// <summary>Opens an address (checked before) with the first of the desktop's programs that is there; false where there is none.</summary>
    public static bool Open(Uri address)
    {
        foreach (var program in (string[])["xdg-open", "x-www-browser", "www-browser"])
        {
            try
            {
                // Its output would be between ours.
                using var process = Process.Start(new ProcessStartInfo(program, [address.AbsoluteUri]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true });
                return process is not null;
            }
            catch (Win32Exception)
            {
                // It is not installed: the next one may be.
            }
        }
        return false;
    }
}
