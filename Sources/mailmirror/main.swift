import ChildProcesses
import CommandLineTool
import Glibc
import LinuxFiles

// Before anything secret is read.
MemorySecrecy.enforce()
let status = await runMailmirror(Array(CommandLine.arguments.dropFirst()))
RunningChildren.shared.endAll()
exit(status.rawValue)
