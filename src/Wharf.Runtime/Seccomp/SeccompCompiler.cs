using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;
using static Wharf.Runtime.Seccomp.BpfInstruction;

namespace Wharf.Runtime.Seccomp;

/// <summary>
/// Compiles one profile. The filter finds the architecture, then the system call by binary search over ranges of numbers with the
/// same answer (a tree of some 200 leaves loads and runs several times faster than a list of 400 comparisons), then tests arguments.
/// A number newer than the tables is answered ENOSYS where the profile's default is an error, so that libraries fall back.
/// </summary>
public sealed class SeccompCompiler(LinuxSeccomp profile)
{
    private const uint SECCOMP_RET_KILL_PROCESS = 0x80000000, SECCOMP_RET_KILL_THREAD = 0, SECCOMP_RET_TRAP = 0x30000, SECCOMP_RET_ERRNO = 0x50000,
        SECCOMP_RET_USER_NOTIF = 0x7fc00000, SECCOMP_RET_TRACE = 0x7ff00000, SECCOMP_RET_LOG = 0x7ffc0000, SECCOMP_RET_ALLOW = 0x7fff0000;
    private const uint OffsetNumber = 0, OffsetArch = 4, OffsetArgs = 16; // struct seccomp_data
    private const int EPERM = 1, ENOSYS = 38, MaxInstructions = 4096;

    /// <summary>What one number is answered with: rules with arguments in order, then an action for all else.</summary>
    private sealed record Answer(uint Action, IReadOnlyList<(IReadOnlyList<LinuxSeccompArg> Args, uint Action)> Conditions)
    {
        public bool SameAs(Answer other) => Conditions.Count == 0 && other.Conditions.Count == 0 && Action == other.Action;
    }

    public IReadOnlyList<BpfInstruction> Compile()
    {
        uint otherwise = ActionOf(profile.DefaultAction, profile.DefaultErrnoRet);
        var tables = SyscallTable.For(profile.Architectures);
        var program = new List<BpfInstruction> { Load(OffsetArch) };
        foreach (var group in tables.GroupBy(table => table.Arch))
        {
            var body = new List<BpfInstruction> { Load(OffsetNumber) };
            body.AddRange(Tree(Ranges(group, otherwise)));
            program.Add(Test(JMP_JEQ, group.Key, 1, 0));
            program.Add(Jump(body.Count));
            program.AddRange(body);
        }
        program.Add(Return(SECCOMP_RET_KILL_PROCESS));
        if (program.Count > MaxInstructions) throw WharfException.Invalid($"seccomp: the profile needs {program.Count} instructions, the kernel takes {MaxInstructions}");
        return program;
    }

    private List<(uint From, Answer Answer)> Ranges(IEnumerable<SyscallTable> tables, uint otherwise)
    {
        bool unknownIsMissing = (otherwise & 0xFFFF0000) == SECCOMP_RET_ERRNO;
        var rest = new Answer(otherwise, []);
        var newer = unknownIsMissing ? new Answer(SECCOMP_RET_ERRNO | ENOSYS, []) : rest;
        var ranges = new List<(uint From, Answer Answer)>();
        void Append(uint from, Answer answer)
        {
            if (ranges.Count == 0 || !ranges[^1].Answer.SameAs(answer)) ranges.Add((from, answer));
        }
        bool x32 = tables.Any(table => table.Last >= SyscallTable.X32Bit);
        foreach (var table in tables.OrderBy(table => table.Last))
        {
            uint next = table.Last >= SyscallTable.X32Bit ? SyscallTable.X32Bit : 0;
            if (next == 0 || ranges.Count == 0) Append(0, rest);
            if (next > 0) Append(next, rest);
            foreach (var (number, answer) in Answers(table, rest).OrderBy(pair => pair.Key))
            {
                if (number > next) Append(next, rest);
                Append(number, answer);
                next = number + 1;
            }
            Append(next, rest);
            if (next <= table.Last) Append(table.Last + 1, newer);
            else Append(next, newer);
        }
        // Without x32 in the profile its numbers are a foreign ABI.
        if (!x32 && tables.First().Arch == SyscallTable.AUDIT_ARCH_X86_64) Append(SyscallTable.X32Bit, new Answer(SECCOMP_RET_KILL_PROCESS, []));
        return ranges;
    }

    private Dictionary<uint, Answer> Answers(SyscallTable table, Answer rest)
    {
        var answers = new Dictionary<uint, Answer>();
        foreach (var rule in profile.Syscalls ?? [])
        {
            uint action = ActionOf(rule.Action, rule.ErrnoRet);
            foreach (var name in rule.Names)
            {
                if (!table.TryGet(name, out uint number)) continue; // not on this architecture, or newer than the table
                var answer = answers.GetValueOrDefault(number, rest);
                answers[number] = rule.Args is { Count: > 0 } args
                    ? answer with { Conditions = [.. answer.Conditions, .. Alternatives(args).Select(set => (set, action))] }
                    : answer with { Action = action };
            }
        }
        return answers;
    }

    // Several tests of one argument in a rule are alternatives, tests of different arguments must all hold (as libseccomp is used by runc).
    private static IEnumerable<IReadOnlyList<LinuxSeccompArg>> Alternatives(IReadOnlyList<LinuxSeccompArg> args) =>
        args.GroupBy(arg => arg.Index).Any(group => group.Count() > 1) ? args.Select(arg => (IReadOnlyList<LinuxSeccompArg>)[arg]) : [args];

    private static List<BpfInstruction> Tree(IReadOnlyList<(uint From, Answer Answer)> ranges)
    {
        if (ranges.Count == 1) return Leaf(ranges[0].Answer);
        int half = ranges.Count / 2;
        var low = Tree([.. ranges.Take(half)]);
        var high = Tree([.. ranges.Skip(half)]);
        var code = new List<BpfInstruction>();
        if (low.Count <= 255) code.Add(Test(JMP_JGE, ranges[half].From, low.Count, 0));
        else
        {
            code.Add(Test(JMP_JGE, ranges[half].From, 0, 1));
            code.Add(Jump(low.Count));
        }
        code.AddRange(low);
        code.AddRange(high);
        return code;
    }

    private static List<BpfInstruction> Leaf(Answer answer)
    {
        var code = new List<BpfInstruction>();
        foreach (var (args, action) in answer.Conditions)
        {
            // Built from the end: each test jumps over all that follows it in this condition when it does not hold.
            var tail = new List<BpfInstruction> { Return(action) };
            foreach (var arg in args.Reverse()) tail.InsertRange(0, Comparison(arg, tail.Count));
            code.AddRange(tail);
        }
        code.Add(Return(answer.Action));
        return code;
    }

    /// <summary>Tests a 64-bit argument in two halves; falls through when it holds, jumps <paramref name="skip"/> further when not.</summary>
    private static BpfInstruction[] Comparison(LinuxSeccompArg arg, int skip)
    {
        if (arg.Index > 5) throw WharfException.Invalid($"seccomp: argument index {arg.Index} is above 5");
        uint low = OffsetArgs + arg.Index * 8, high = low + 4, lowValue = (uint)arg.Value, highValue = (uint)(arg.Value >> 32);
        uint lowTwo = (uint)(arg.ValueTwo ?? 0), highTwo = (uint)((arg.ValueTwo ?? 0) >> 32);
        return arg.Op switch
        {
            "SCMP_CMP_EQ" => [Load(high), Test(JMP_JEQ, highValue, 0, skip + 2), Load(low), Test(JMP_JEQ, lowValue, 0, skip)],
            "SCMP_CMP_NE" => [Load(high), Test(JMP_JEQ, highValue, 0, 2), Load(low), Test(JMP_JEQ, lowValue, skip, 0)],
            "SCMP_CMP_GT" => [Load(high), Test(JMP_JGT, highValue, 3, 0), Test(JMP_JEQ, highValue, 0, skip + 2), Load(low), Test(JMP_JGT, lowValue, 0, skip)],
            "SCMP_CMP_GE" => [Load(high), Test(JMP_JGT, highValue, 3, 0), Test(JMP_JEQ, highValue, 0, skip + 2), Load(low), Test(JMP_JGE, lowValue, 0, skip)],
            "SCMP_CMP_LT" => [Load(high), Test(JMP_JGT, highValue, skip + 3, 0), Test(JMP_JEQ, highValue, 0, 2), Load(low), Test(JMP_JGE, lowValue, skip, 0)],
            "SCMP_CMP_LE" => [Load(high), Test(JMP_JGT, highValue, skip + 3, 0), Test(JMP_JEQ, highValue, 0, 2), Load(low), Test(JMP_JGT, lowValue, skip, 0)],
            "SCMP_CMP_MASKED_EQ" =>
            [
                Load(high), new BpfInstruction(ALU_AND, 0, 0, highValue), Test(JMP_JEQ, highTwo & highValue, 0, skip + 3),
                Load(low), new BpfInstruction(ALU_AND, 0, 0, lowValue), Test(JMP_JEQ, lowTwo & lowValue, 0, skip),
            ],
            _ => throw WharfException.Invalid($"string {arg.Op} is not a valid operator for seccomp"),
        };
    }

    private static uint ActionOf(string name, uint? errno) => name switch
    {
        "SCMP_ACT_ALLOW" => SECCOMP_RET_ALLOW,
        "SCMP_ACT_ERRNO" => SECCOMP_RET_ERRNO | (errno ?? EPERM) & 0xFFFF,
        "SCMP_ACT_KILL" or "SCMP_ACT_KILL_THREAD" => SECCOMP_RET_KILL_THREAD,
        "SCMP_ACT_KILL_PROCESS" => SECCOMP_RET_KILL_PROCESS,
        "SCMP_ACT_TRAP" => SECCOMP_RET_TRAP,
        "SCMP_ACT_TRACE" => SECCOMP_RET_TRACE | (errno ?? 0) & 0xFFFF,
        "SCMP_ACT_LOG" => SECCOMP_RET_LOG,
        "SCMP_ACT_NOTIFY" => SECCOMP_RET_USER_NOTIF,
        _ => throw WharfException.Invalid($"string {name} is not a valid action for seccomp"),
    };
}
