using Xunit;

namespace Wharf.SystemTests.Fixtures;

/// <summary>A file system of its own in a file.</summary>
public interface IDisk : IAsyncLifetime
{
    /// <summary>Where it is mounted.</summary>
    string Path { get; }
}
