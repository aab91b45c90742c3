# Registers the task of worker-task.xml. Run in a PowerShell that was opened as administrator:
#   .\register-worker.ps1 -User STUDIO\spool
# The user needs the right to log on as a batch job and to write to the share. Drive letters are a session's own, so
# worker.toml must name the share as \\server\share\spool, in single quotes.
param(
    [Parameter(Mandatory)] [string] $User,
    [string] $TaskName = 'spoolworker-gpu0'
)
$ErrorActionPreference = 'Stop'

& 'C:\spool\venv\Scripts\spoolworker.exe' config --config 'C:\spool\worker.toml'
if ($LASTEXITCODE -ne 0) { throw 'the configuration cannot be used; see above' }

$xml = Get-Content -Raw -Encoding UTF8 (Join-Path $PSScriptRoot 'worker-task.xml')
$password = (Get-Credential -UserName $User -Message 'who runs the worker').GetNetworkCredential().Password
Register-ScheduledTask -TaskName $TaskName -Xml $xml -User $User -Password $password -Force | Out-Null
Start-ScheduledTask -TaskName $TaskName
Get-ScheduledTaskInfo -TaskName $TaskName | Format-List LastRunTime, LastTaskResult
