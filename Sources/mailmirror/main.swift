import CommandLineTool
import Glibc

exit(await runMailmirror(Array(CommandLine.arguments.dropFirst())).rawValue)
