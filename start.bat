@echo off
rem Starts Troupe: finds a Python that works and runs "python -m server" with it. Arguments are passed on.
setlocal
cd /d "%~dp0"

for %%V in (3.12 3.11 3.13 3.10) do (
    py -%%V -c "import sys" >nul 2>nul && (
        set "PYTHON=py -%%V"
        goto found
    )
)
for %%P in (python python3) do (
    %%P -c "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))" >nul 2>nul && (
        set "PYTHON=%%P"
        goto found
    )
)
echo Troupe needs Python 3.10, 3.11, 3.12 or 3.13, and found none.
echo Install one from https://www.python.org/downloads/ and start this again.
pause
exit /b 1

:found
%PYTHON% -m server %*
set "STATUS=%ERRORLEVEL%"
if not "%STATUS%"=="0" pause
exit /b %STATUS%
