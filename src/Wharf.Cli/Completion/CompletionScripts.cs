namespace Wharf.Cli.Completion;

/// <summary>What the shells source. All knowledge is in <c>wharf __complete</c>; each script only passes words there and candidates back.</summary>
internal static class CompletionScripts
{
    public const string Bash = """
        # bash completion for wharf: source <(wharf completion bash)
        _wharf() {
          local IFS=$'\n' current="${COMP_WORDS[COMP_CWORD]}" line
          COMPREPLY=()
          while IFS= read -r line; do
            line="${line%%$'\t'*}"
            if [[ $line == :files ]]; then
              compopt -o default 2>/dev/null
            elif [[ $line == "$current"* ]]; then
              COMPREPLY+=("$line")
            fi
          done < <(wharf __complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$current" 2>/dev/null)
          declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$current"
          [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
        }
        complete -F _wharf wharf

        """;

    public const string Zsh = """
        #compdef wharf
        # zsh completion for wharf: source <(wharf completion zsh), or put it as _wharf into a directory of $fpath
        _wharf() {
          local -a candidates
          local line name note files=0
          while IFS= read -r line; do
            if [[ $line == ":files" ]]; then files=1; continue; fi
            name="${line%%$'\t'*}"
            note="${line#*$'\t'}"
            [[ $note == $line ]] && note=""
            candidates+=("${name//:/\\:}${note:+:$note}")
          done < <(wharf __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
          (( ${#candidates} )) && _describe 'wharf' candidates
          (( files )) && _files
        }
        if [[ ${funcstack[1]} == _wharf ]]; then _wharf "$@"; else compdef _wharf wharf; fi

        """;

    public const string Fish = """
        # fish completion for wharf: wharf completion fish | source
        function __wharf_complete
            set -l words (commandline -opc) (commandline -ct)
            for line in (wharf __complete $words[2..-1] 2>/dev/null)
                if test "$line" = ":files"
                    __fish_complete_path (commandline -ct)
                else
                    echo $line
                end
            end
        end
        complete -c wharf -f -a '(__wharf_complete)'

        """;

    public const string PowerShell = """
        # PowerShell completion for wharf: wharf completion powershell | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName wharf -ScriptBlock {
          param($wordToComplete, $commandAst, $cursorPosition)
          $words = @($commandAst.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
            ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text } })
          foreach ($line in @(wharf __complete @words $wordToComplete 2>$null)) {
            if ($line -eq ':files') { [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete); continue }
            $name, $note = $line -split "`t", 2
            if (-not $name.StartsWith($wordToComplete, [StringComparison]::Ordinal)) { continue }
            if (-not $note) { $note = $name }
            [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $note)
          }
        }

        """;
}
