namespace Wharf.Linux;

/// <summary>
/// Whether the defences are up that test/Wharf.SystemTests/Security attacks. They always are, but for the build of <c>./dev weakened</c>, in which those
/// tests must find the holes. A constant to the compiler.
/// </summary>
public static class Defences
{
#if WHARF_WEAKENED
    public static bool Up => false;
#else
    public static bool Up => true;
#endif
}
