using System.Net.Http.Headers;
using System.Text;

namespace Wharf.Engine.Images.Registry;

/// <summary>A name and a password as HTTP's basic scheme sends them (RFC 7617).</summary>
internal static class BasicCredentials
{
    public static AuthenticationHeaderValue Header(string? name, string? password) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}")));
}
