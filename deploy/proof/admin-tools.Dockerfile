# Stands in for temporalio/admin-tools: the one tool of it that docker-compose.yml calls, of the very release.
FROM scratch
COPY root/ /
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN printf 'root:x:0:0::/root:/bin/sh\ntemporal:x:1000:1000::/home/temporal:/bin/sh\n' >/etc/passwd \
 && printf 'root:x:0:\ntemporal:x:1000:\n' >/etc/group \
 && mkdir -p /root /tmp /home/temporal && chmod 1777 /tmp && chown 1000:1000 /home/temporal
ENV PATH=/usr/local/bin:/bin
USER temporal
CMD ["sh", "-c", "sleep 2147483647 & wait"]
LABEL standin="temporal-sql-tool of the Go module, on busybox and Debian's C library; no temporal CLI"
