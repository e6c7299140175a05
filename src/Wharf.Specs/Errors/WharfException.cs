namespace Wharf.Specs.Errors;

/// <summary>What went wrong, independent of the surface that reports it.</summary>
public enum ErrorKind
{
    Internal, NotFound, InvalidArgument, Conflict, NotModified, Unauthorized, Forbidden, Unavailable, NotImplemented,
}

/// <summary>An error a caller can act on. Each surface maps <see cref="Kind"/> to its own status in one place.</summary>
public class WharfException(ErrorKind kind, string message, Exception? inner = null) : Exception(message, inner)
{
    public ErrorKind Kind { get; } = kind;

    public static WharfException NotFound(string message) => new(ErrorKind.NotFound, message);
    public static WharfException Invalid(string message, Exception? inner = null) => new(ErrorKind.InvalidArgument, message, inner);
    public static WharfException Conflict(string message) => new(ErrorKind.Conflict, message);
    public static WharfException Unavailable(string message, Exception? inner = null) => new(ErrorKind.Unavailable, message, inner);
    public static WharfException NotImplemented(string message) => new(ErrorKind.NotImplemented, message);
}
