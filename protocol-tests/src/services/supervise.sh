# usage: supervise.sh FOLDER COMMAND...
# Runs COMMAND until it ends, a signal name arrives as a line on stdin, or stdin closes. The pipe
# closes with the test process even when that is killed, so no service outlives its tests; the
# folder of an abandoned service goes with it.
folder=$1
shift
exec 3<&0
"$@" </dev/null >>"$folder/service.log" 2>&1 3<&- &
pid=$!
echo "$pid"
(
    while read -r signal <&3; do kill -s "$signal" "$pid"; done
    # In a shell of its own: where the folder is gone already, the failure would end this one.
    (: >"$folder/abandoned")
    kill -s KILL "$pid"
) >/dev/null 2>&1 &
watcher=$!
wait "$pid"
status=$?
kill "$watcher" 2>/dev/null
[ -e "$folder/abandoned" ] && rm -rf "$folder"
exit "$status"
