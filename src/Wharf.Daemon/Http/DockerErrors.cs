using Microsoft.AspNetCore.Http;
using Wharf.Engine.Shims;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Http;

/// <summary>Errors as the Engine API tells them: a status and <c>{"message": …}</c>. The only place that maps kinds to statuses.</summary>
public static class DockerErrors
{
    public static int StatusOf(Exception error) => error switch
    {
        WharfException wharf => wharf.Kind switch
        {
            ErrorKind.NotFound => 404,
            ErrorKind.InvalidArgument => 400,
            ErrorKind.Conflict => 409,
            ErrorKind.NotModified => 304,
            ErrorKind.Unauthorized => 401,
            ErrorKind.Forbidden => 403,
            ErrorKind.Unavailable => 503,
            ErrorKind.NotImplemented => 501,
            _ => 500,
        },
        BadHttpRequestException bad => bad.StatusCode,
        ShimException { Error.ExitCode: 126 or 127 } => 400,
        SyscallException { Errno: Errno.ENOSPC } => 507,
        // Names are the client's.
        SyscallException { Errno: Errno.ENAMETOOLONG } => 400,
        _ => 500,
    };

    /// <summary>Writes the error; when the answer has begun there is nothing to do but end it.</summary>
    public static async Task WriteAsync(HttpContext http, Exception error, Action<HttpResponse>? headers = null)
    {
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }
        int status = StatusOf(error);
        http.Response.Clear();
        (headers ?? ServerHeaders.Set)(http.Response);
        http.Response.StatusCode = status;
        if (status == 304) return;
        var bytes = ApiJson.Write(new ErrorResponse { Message = error.Message }, DockerApiJson.Default.ErrorResponse, "\n"u8);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = bytes.Length;
        if (HttpMethods.IsHead(http.Request.Method)) return;
        await http.Response.Body.WriteAsync(bytes);
    }
}
