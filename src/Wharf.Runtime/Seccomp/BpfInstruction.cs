namespace Wharf.Runtime.Seccomp;

/// <summary>struct sock_filter: jumps count instructions from the next one (linux/filter.h).</summary>
public readonly record struct BpfInstruction(ushort Code, byte IfTrue, byte IfFalse, uint K)
{
    public const ushort LD_W_ABS = 0x20, JMP_JA = 0x05, JMP_JEQ = 0x15, JMP_JGT = 0x25, JMP_JGE = 0x35, ALU_AND = 0x54, RET = 0x06;

    public static BpfInstruction Load(uint offset) => new(LD_W_ABS, 0, 0, offset);
    public static BpfInstruction Return(uint action) => new(RET, 0, 0, action);
    public static BpfInstruction Jump(int distance) => new(JMP_JA, 0, 0, (uint)distance);
    public static BpfInstruction Test(ushort code, uint k, int ifTrue, int ifFalse) => new(code, checked((byte)ifTrue), checked((byte)ifFalse), k);
}
