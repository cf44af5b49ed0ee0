# Stands in for temporalio/server: the very release, built from its Go module, with the entrypoint that is beside it there.
FROM scratch
COPY root/ /
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN printf 'root:x:0:0::/root:/bin/sh\ntemporal:x:1000:1000::/home/temporal:/bin/sh\n' >/etc/passwd \
 && printf 'root:x:0:\ntemporal:x:1000:\n' >/etc/group \
 && mkdir -p /root /tmp /home/temporal && chmod 1777 /tmp && chown 1000:1000 /home/temporal
# Alpine's nc can check whether a port is open; Debian's needs an option to disconnect at once.
RUN printf '#!/bin/sh\n[ "$1" = -z ] && shift && exec busybox nc -w 3 "$@" -e /bin/true\n' >/usr/local/bin/nc && chmod 755 /usr/local/bin/nc
ENV PATH=/usr/local/bin:/bin
WORKDIR /etc/temporal
USER temporal
CMD ["/etc/temporal/entrypoint.sh"]
LABEL standin="temporal-server of the Go module, on busybox and Debian's C library"
