namespace Wharf.Cli.Output.Templates;

internal enum TokenKind { Text, Open, Close, Field, Variable, Identifier, Literal, Number, Pipe, OpenParenthesis, CloseParenthesis, Declare, Assign, Comma, Dot, End }

/// <summary>A piece of a template's source with its place, for messages.</summary>
internal readonly record struct Token(TokenKind Kind, string Text, int Position);
